package french

var signIn = map[string]string{
	"signin.title":    "Se connecter",
	"signin.lead":     "Bienvenue. Saisissez votre nom et votre mot de passe.",
	"signin.name":     "Nom",
	"signin.password": "Mot de passe",
	"signin.submit":   "Se connecter",
	"signin.wrong":    "Le nom ou le mot de passe est incorrect.",
	"signin.wait":     "Trop de tentatives. Attendez %s, puis réessayez.",
	"signin.lost":     "Mot de passe oublié ? Sur le serveur, exécutez",

	"welcome.title":        "Choisissez votre mot de passe",
	"welcome.lead":         "Vous définissez le mot de passe du compte « %s ».",
	"welcome.password":     "Nouveau mot de passe",
	"welcome.hint":         "Au moins 10 caractères. Quelques mots sans rapport entre eux sont faciles à retenir et difficiles à deviner.",
	"welcome.again":        "Répétez-le",
	"welcome.submit":       "Définir le mot de passe et se connecter",
	"welcome.stale.title":  "Ce lien ne fonctionne plus",
	"welcome.stale.lead":   "Il a déjà servi, a été remplacé par un plus récent ou date de plus d’un jour. Pour en obtenir un nouveau, exécutez sur le serveur",
	"welcome.stale.signin": "Se connecter plutôt",

	"password.short":    "Utilisez au moins 10 caractères.",
	"password.long":     "Utilisez au plus 1 000 caractères.",
	"password.uniform":  "Utilisez plus d’un caractère différent.",
	"password.is_name":  "Utilisez autre chose que le nom du compte.",
	"password.not_utf8": "Il contient des caractères qui ne peuvent pas être saisis.",
	"password.differs":  "Les deux saisies diffèrent.",
}
