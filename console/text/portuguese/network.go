package portuguese

var network = map[string]string{
	"network.title":      "Requisitos de rede",
	"network.lead":       "O que as firewalls têm de deixar passar com as definições atuais. Permita nomes se a sua firewall o souber fazer: os endereços dos grandes serviços mudam.",
	"network.csv":        "Exportar como CSV",
	"network.looking":    "A resolver os nomes…",
	"network.look":       "Resolver os nomes",
	"network.none":       "Nada: as definições não pedem nenhuma ligação deste género.",
	"network.outbound":   "Do Heliograph para outros",
	"network.inbound":    "De outros para o Heliograph",
	"network.from":       "De",
	"network.to":         "Para",
	"network.port":       "Porta",
	"network.port.or":    "%s ou %s",
	"network.addresses":  "Endereços",
	"network.purpose":    "Para quê",
	"network.local":      "Só esta máquina",
	"network.text":       "Como texto",
	"network.text.title": "Heliograph: requisitos de rede de %s",
	"network.copy":       "Copiar",
	"network.copied":     "Copiado",
	"network.at":         "Os nomes foram resolvidos na máquina que mostrou esta página, %s. Onde várias máquinas executam o Heliograph, cada uma que envia precisa do que leva a outros.",

	"network.purpose.mail":         "E-mail",
	"network.purpose.text":         "SMS",
	"network.purpose.push":         "Mensagens push",
	"network.purpose.token":        "Tokens de acesso",
	"network.purpose.receipts":     "Recibos de entrega",
	"network.purpose.console":      "Consola e API",
	"network.purpose.proxy":        "Consola e API, atrás do proxy",
	"network.purpose.metrics":      "Métricas",
	"network.purpose.database":     "Base de dados",
	"network.purpose.sign_in":      "Início de sessão no fornecedor OpenID",
	"network.purpose.certificates": "Certificados por ACME",
	"network.purpose.registration": "Registo das aplicações de e-mail",
	"network.purpose.mailbox":      "Aviso dos servidores de e-mail",

	"network.from.receipts":     "O serviço de SMS",
	"network.from.console":      "Administradores e scripts",
	"network.from.proxy":        "O seu proxy inverso",
	"network.from.metrics":      "Prometheus",
	"network.from.certificates": "A autoridade de certificação",
	"network.from.registration": "As aplicações de e-mail dos dispositivos",
	"network.from.mailbox":      "Os servidores Exchange",

	"network.trouble.no_name":    "Este nome não existe no DNS",
	"network.trouble.no_answer":  "O DNS não respondeu a tempo",
	"network.trouble.link_local": "O Heliograph não se liga a endereços de ligação local",

	"settings.network":      "Requisitos de rede",
	"settings.network.lead": "O que as suas firewalls têm de deixar passar: nomes, endereços e portas.",
}

// expiry is when credentials end.
var expiry = map[string]string{
	"expiry.ends":   "expira %s",
	"expiry.over":   "expirou %s",
	"expiry.banner": "“%s”: %s",

	"expiry.certificate.none":    "Não há certificado TLS para %s: ninguém se pode ligar por este nome.",
	"expiry.certificate.over":    "O certificado TLS para %s expirou %s e não chega nenhum novo.",
	"expiry.certificate.failing": "Não foi possível renovar o certificado TLS para %s; expira %s.",
	"expiry.certificate.advice":  "A autoridade de certificação tem de alcançar este nome na porta 443 ou 80, e o Heliograph tem de alcançar a autoridade. Há uma nova tentativa automática.",
}
