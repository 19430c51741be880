package french

// saidSignIn is what is said of an OpenID provider.
var saidSignIn = map[string]string{
	"Its discovery document cannot be read.":                   "Son document de découverte est illisible.",
	"Its discovery document names another issuer.":             "Son document de découverte nomme un autre émetteur.",
	"Its discovery document answered %s.":                      "Son document de découverte a répondu %s.",
	"The trusted CA %s.":                                       "L’autorité de certification n’est pas utilisable : %s.",
	"It names no authorization endpoint or no token endpoint.": "Il ne nomme pas de point d’autorisation ou de point de jetons.",
	"It does not offer the authorization code.":                "Il n’offre pas le code d’autorisation.",
	"It does not offer PKCE with S256.":                        "Il n’offre pas PKCE avec S256.",
	"It names no address of its keys.":                         "Il ne nomme pas l’adresse de ses clés.",
	"Its keys cannot be read.":                                 "Ses clés sont illisibles.",
	"It gave a token for a code that it never gave.":           "Il a donné un jeton pour un code qu’il n’a jamais donné.",
	"The token endpoint answered %s.":                          "Le point de jetons a répondu %s.",
	"The answer of the token endpoint cannot be read.":         "La réponse du point de jetons est illisible.",
	"The code was used before or has expired.":                 "Le code a déjà servi ou a expiré.",
	"The answer holds no ID token.":                            "La réponse ne contient pas de jeton d’identité.",
	"The ID token is not valid.":                               "Le jeton d’identité n’est pas valide.",
	"The ID token is of another sign-in.":                      "Le jeton d’identité est celui d’une autre connexion.",
	"The ID token's claims cannot be read.":                    "Les déclarations du jeton d’identité sont illisibles.",
	"The userinfo endpoint did not answer as it should.":       "Le point userinfo n’a pas répondu comme il le devrait.",
	"The userinfo endpoint's claims cannot be read.":           "Les déclarations du point userinfo sont illisibles.",
	"The userinfo endpoint speaks of somebody else.":           "Le point userinfo parle de quelqu’un d’autre.",
	"The answer is of another issuer.":                         "La réponse vient d’un autre émetteur.",
	"The answer holds no code.":                                "La réponse ne contient pas de code.",
}
