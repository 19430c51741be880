package portuguese

var signIn = map[string]string{
	"signin.title":    "Iniciar sessão",
	"signin.lead":     "Seja bem-vindo. Introduza o seu nome e a sua palavra-passe.",
	"signin.name":     "Nome",
	"signin.password": "Palavra-passe",
	"signin.submit":   "Iniciar sessão",
	"signin.wrong":    "O nome ou a palavra-passe está errado.",
	"signin.wait":     "Demasiadas tentativas. Espere %s e tente de novo.",
	"signin.lost":     "Perdeu a palavra-passe? No servidor, execute",

	"welcome.title":        "Escolha a sua palavra-passe",
	"welcome.lead":         "Está a definir a palavra-passe da conta “%s”.",
	"welcome.password":     "Nova palavra-passe",
	"welcome.hint":         "Pelo menos 10 caracteres. Algumas palavras sem relação entre si são fáceis de lembrar e difíceis de adivinhar.",
	"welcome.again":        "Repita-a",
	"welcome.submit":       "Definir a palavra-passe e iniciar sessão",
	"welcome.stale.title":  "Esta ligação já não funciona",
	"welcome.stale.lead":   "Já foi usada, foi substituída por outra mais recente ou tem mais de um dia. Para obter uma nova, execute no servidor",
	"welcome.stale.signin": "Iniciar sessão",

	"password.short":    "Use pelo menos 10 caracteres.",
	"password.long":     "Use no máximo 1000 caracteres.",
	"password.uniform":  "Use mais do que um carácter diferente.",
	"password.is_name":  "Use mais do que o nome da conta.",
	"password.not_utf8": "Contém caracteres que não podem ser introduzidos.",
	"password.differs":  "As duas entradas são diferentes.",
}
