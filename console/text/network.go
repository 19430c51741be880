package text

var network = map[string]string{
	"network.title":      "Network requirements",
	"network.lead":       "What firewalls must let through for the settings as they are now. Allow names where your firewall can: the addresses of large services change.",
	"network.csv":        "Export as CSV",
	"network.looking":    "Looking the names up …",
	"network.look":       "Look the names up",
	"network.none":       "Nothing: the settings ask for no such connection.",
	"network.outbound":   "From Heliograph to others",
	"network.inbound":    "From others to Heliograph",
	"network.from":       "From",
	"network.to":         "To",
	"network.port":       "Port",
	"network.port.or":    "%s or %s",
	"network.addresses":  "Addresses",
	"network.purpose":    "What for",
	"network.local":      "This machine only",
	"network.text":       "As text",
	"network.text.title": "Heliograph: network requirements of %s",
	"network.copy":       "Copy",
	"network.copied":     "Copied",
	"network.at":         "Names were looked up on the machine that showed this page, %s. Where several machines run Heliograph, each that sends needs what leads to others.",

	"network.purpose.mail":         "E-mail",
	"network.purpose.text":         "Text messages",
	"network.purpose.push":         "Push messages",
	"network.purpose.token":        "Access tokens",
	"network.purpose.receipts":     "Delivery receipts",
	"network.purpose.console":      "Console and API",
	"network.purpose.proxy":        "Console and API, behind the proxy",
	"network.purpose.metrics":      "Metrics",
	"network.purpose.database":     "Database",
	"network.purpose.sign_in":      "Sign-in at the OpenID provider",
	"network.purpose.certificates": "Certificates by ACME",
	"network.purpose.registration": "Registration of mail apps",
	"network.purpose.mailbox":      "Notice from mail servers",

	"network.from.receipts":     "The SMS service",
	"network.from.console":      "Administrators and scripts",
	"network.from.proxy":        "Your reverse proxy",
	"network.from.metrics":      "Prometheus",
	"network.from.certificates": "The certificate authority",
	"network.from.registration": "Mail apps on devices",
	"network.from.mailbox":      "Exchange servers",

	"network.trouble.no_name":    "There is no such name in DNS",
	"network.trouble.no_answer":  "DNS did not answer in time",
	"network.trouble.link_local": "Heliograph does not connect to link-local addresses",

	"settings.network":      "Network requirements",
	"settings.network.lead": "What your firewalls must let through, with names, addresses and ports.",
}

// expiry is when credentials end.
var expiry = map[string]string{
	"expiry.ends":   "expires %s",
	"expiry.over":   "expired %s",
	"expiry.banner": "“%s”: %s",

	"expiry.certificate.none":    "There is no TLS certificate for %s: nobody can connect by this name.",
	"expiry.certificate.over":    "The TLS certificate for %s expired %s, and no new one comes.",
	"expiry.certificate.failing": "The TLS certificate for %s could not be renewed; it expires %s.",
	"expiry.certificate.advice":  "The certificate authority must reach this name on port 443 or 80, and Heliograph the authority. It is tried again by itself.",
}
