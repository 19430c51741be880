package portuguese

// saidSignIn is what is said of an OpenID provider.
var saidSignIn = map[string]string{
	"Its discovery document cannot be read.":                   "O documento de descoberta não pode ser lido.",
	"Its discovery document names another issuer.":             "O documento de descoberta indica outro emissor.",
	"Its discovery document answered %s.":                      "O documento de descoberta respondeu %s.",
	"The trusted CA %s.":                                       "A autoridade de certificação não pode ser usada: %s.",
	"It names no authorization endpoint or no token endpoint.": "Não indica um ponto de autorização ou de tokens.",
	"It does not offer the authorization code.":                "Não oferece o código de autorização.",
	"It does not offer PKCE with S256.":                        "Não oferece PKCE com S256.",
	"It names no address of its keys.":                         "Não indica o endereço das suas chaves.",
	"Its keys cannot be read.":                                 "As suas chaves não podem ser lidas.",
	"It gave a token for a code that it never gave.":           "Deu um token por um código que nunca deu.",
	"The token endpoint answered %s.":                          "O ponto de tokens respondeu %s.",
	"The answer of the token endpoint cannot be read.":         "A resposta do ponto de tokens não pode ser lida.",
	"The code was used before or has expired.":                 "O código já foi usado ou expirou.",
	"The answer holds no ID token.":                            "A resposta não contém nenhum token de identidade.",
	"The ID token is not valid.":                               "O token de identidade não é válido.",
	"The ID token is of another sign-in.":                      "O token de identidade é de outro início de sessão.",
	"The ID token's claims cannot be read.":                    "As declarações do token de identidade não podem ser lidas.",
	"The userinfo endpoint did not answer as it should.":       "O ponto de acesso userinfo não respondeu como deveria.",
	"The userinfo endpoint's claims cannot be read.":           "As declarações do ponto de acesso userinfo não podem ser lidas.",
	"The userinfo endpoint speaks of somebody else.":           "O ponto de acesso userinfo fala de outra pessoa.",
	"The answer is of another issuer.":                         "A resposta é de outro emissor.",
	"The answer holds no code.":                                "A resposta não contém nenhum código.",
}
