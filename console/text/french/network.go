package french

var network = map[string]string{
	"network.title":      "Exigences réseau",
	"network.lead":       "Ce que les pare-feu doivent laisser passer avec les paramètres actuels. Autorisez des noms si votre pare-feu le peut : les adresses des grands services changent.",
	"network.csv":        "Exporter en CSV",
	"network.looking":    "Résolution des noms…",
	"network.look":       "Résoudre les noms",
	"network.none":       "Rien : les paramètres ne demandent aucune connexion de ce genre.",
	"network.outbound":   "De Heliograph vers d’autres",
	"network.inbound":    "D’autres vers Heliograph",
	"network.from":       "De",
	"network.to":         "Vers",
	"network.port":       "Port",
	"network.port.or":    "%s ou %s",
	"network.addresses":  "Adresses",
	"network.purpose":    "Pour quoi",
	"network.local":      "Cette machine seulement",
	"network.text":       "Sous forme de texte",
	"network.text.title": "Heliograph : exigences réseau du %s",
	"network.copy":       "Copier",
	"network.copied":     "Copié",
	"network.at":         "Les noms ont été résolus sur la machine qui a montré cette page, le %s. Là où plusieurs machines exécutent Heliograph, chacune qui envoie a besoin de ce qui mène vers d’autres.",

	"network.purpose.mail":         "E-mail",
	"network.purpose.text":         "SMS",
	"network.purpose.push":         "Messages push",
	"network.purpose.token":        "Jetons d’accès",
	"network.purpose.receipts":     "Accusés de réception",
	"network.purpose.console":      "Console et API",
	"network.purpose.proxy":        "Console et API, derrière le proxy",
	"network.purpose.metrics":      "Métriques",
	"network.purpose.database":     "Base de données",
	"network.purpose.sign_in":      "Connexion auprès du fournisseur OpenID",
	"network.purpose.certificates": "Certificats par ACME",
	"network.purpose.registration": "Inscription des applications de messagerie",
	"network.purpose.mailbox":      "Avis des serveurs de messagerie",

	"network.from.receipts":     "Le service SMS",
	"network.from.console":      "Administrateurs et scripts",
	"network.from.proxy":        "Votre proxy inverse",
	"network.from.metrics":      "Prometheus",
	"network.from.certificates": "L’autorité de certification",
	"network.from.registration": "Les applications de messagerie des appareils",
	"network.from.mailbox":      "Les serveurs Exchange",

	"network.trouble.no_name":    "Ce nom n’existe pas dans le DNS",
	"network.trouble.no_answer":  "Le DNS n’a pas répondu à temps",
	"network.trouble.link_local": "Heliograph ne se connecte pas aux adresses de lien local",

	"settings.network":      "Exigences réseau",
	"settings.network.lead": "Ce que vos pare-feu doivent laisser passer : noms, adresses et ports.",
}

// expiry is when credentials end.
var expiry = map[string]string{
	"expiry.ends":   "expire %s",
	"expiry.over":   "a expiré %s",
	"expiry.banner": "« %s » : %s",

	"expiry.certificate.none":    "Il n’y a pas de certificat TLS pour %s : personne ne peut se connecter sous ce nom.",
	"expiry.certificate.over":    "Le certificat TLS pour %s a expiré %s et aucun nouveau n’arrive.",
	"expiry.certificate.failing": "Le certificat TLS pour %s n’a pas pu être renouvelé ; il expire %s.",
	"expiry.certificate.advice":  "L’autorité de certification doit atteindre ce nom sur le port 443 ou 80, et Heliograph doit atteindre l’autorité. Une nouvelle tentative a lieu automatiquement.",
}
