package portuguese

// saidImports is what is wrong with a file of devices and people.
var saidImports = map[string]string{
	// What is wrong with a row, or with a cell of it.
	"is already in this file":                        "já está neste ficheiro",
	"is not among your devices":                      "não é um dos seus dispositivos",
	"is not among your users":                        "não é um dos seus utilizadores",
	"or user.username is required to tell who it is": "ou user.username é obrigatório, para se saber de quem se trata",
	"belongs to more than one user: give user.id":    "pertence a mais de um utilizador: indique user.id",
	"is somebody else than user":                     "não é a mesma pessoa que user",
	"is required, as a text":                         "é obrigatório, como texto",
	"has %d cells instead of %d":                     "tem %d células em vez de %d",
	"is longer than 1 MiB":                           "tem mais de 1 MiB",
	"has a cell whose opening quote is never closed": "tem uma célula cujas aspas de abertura nunca fecham",
	"has a quote in the middle of a cell: such a cell must be quoted, and the quote doubled": "tem aspas a meio de uma célula: uma célula assim tem de estar entre aspas, e as aspas duplicadas",

	// What is wrong with the columns: then nothing is read.
	"the file is empty: its first line must name the columns":           "o ficheiro está vazio: a primeira linha tem de nomear as colunas",
	"line 1, which names the columns, %v":                               "a linha 1, que nomeia as colunas, %v",
	"there is no column id":                                             "não há coluna id",
	"the columns of the user need user.id or user.username beside them": "as colunas do utilizador exigem user.id ou user.username ao lado delas",
	"column %d (%s) is not known":                                       "a coluna %d (%s) não é conhecida",
	"column %d is not known":                                            "a coluna %d não é conhecida",
	"column %d (%s) is there twice":                                     "a coluna %d (%s) aparece duas vezes",
	"column %d is there twice":                                          "a coluna %d aparece duas vezes",

	// What is wrong with a push token.
	"of APNs must be hexadecimal": "de APNs tem de ser hexadecimal",
	"of Web Push %v":              "de Web Push %v",
	`must be a JSON object with "endpoint", "p256dh" and "auth", all texts, and nothing else`: `tem de ser um objeto JSON com "endpoint", "p256dh" e "auth", todos textos, e nada mais`,
	`must have an "endpoint" that begins with https:// and a host, without a user name or #`:  `tem de ter um "endpoint" que comece por https:// e um anfitrião, sem nome de utilizador nem #`,
	`must have a "p256dh" that is a point on P-256, 65 bytes in base64url`:                    `tem de ter um "p256dh" que seja um ponto de P-256, 65 bytes em base64url`,
	`must have an "auth" of 16 bytes in base64url`:                                            `tem de ter um "auth" de 16 bytes em base64url`,
}
