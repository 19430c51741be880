package french

// saidImports is what is wrong with a file of devices and people.
var saidImports = map[string]string{
	// What is wrong with a row, or with a cell of it.
	"is already in this file":                        "figure déjà dans ce fichier",
	"is not among your devices":                      "n’est pas l’un de vos appareils",
	"is not among your users":                        "n’est pas l’un de vos utilisateurs",
	"or user.username is required to tell who it is": "ou user.username est obligatoire pour savoir de qui il s’agit",
	"belongs to more than one user: give user.id":    "appartient à plusieurs utilisateurs : indiquez user.id",
	"is somebody else than user":                     "n’est pas la même personne que user",
	"is required, as a text":                         "obligatoire, sous forme de texte",
	"has %d cells instead of %d":                     "a %d cellules au lieu de %d",
	"is longer than 1 MiB":                           "dépasse 1 Mio",
	"has a cell whose opening quote is never closed": "contient une cellule dont le guillemet ouvrant n’est jamais fermé",
	"has a quote in the middle of a cell: such a cell must be quoted, and the quote doubled": "contient un guillemet au milieu d’une cellule : une telle cellule doit être entre guillemets, et le guillemet doublé",

	// What is wrong with the columns: then nothing is read.
	"the file is empty: its first line must name the columns":           "le fichier est vide : sa première ligne doit nommer les colonnes",
	"line 1, which names the columns, %v":                               "la ligne 1, qui nomme les colonnes, %v",
	"there is no column id":                                             "il n’y a pas de colonne id",
	"the columns of the user need user.id or user.username beside them": "les colonnes de l’utilisateur exigent user.id ou user.username à leur côté",
	"column %d (%s) is not known":                                       "la colonne %d (%s) est inconnue",
	"column %d is not known":                                            "la colonne %d est inconnue",
	"column %d (%s) is there twice":                                     "la colonne %d (%s) figure deux fois",
	"column %d is there twice":                                          "la colonne %d figure deux fois",

	// What is wrong with a push token.
	"of APNs must be hexadecimal": "pour APNs, doit être hexadécimal",
	"of Web Push %v":              "pour Web Push, %v",
	`must be a JSON object with "endpoint", "p256dh" and "auth", all texts, and nothing else`: `doit être un objet JSON avec "endpoint", "p256dh" et "auth", tous des textes, et rien d’autre`,
	`must have an "endpoint" that begins with https:// and a host, without a user name or #`:  `doit avoir un "endpoint" qui commence par https:// et un hôte, sans nom d’utilisateur ni #`,
	`must have a "p256dh" that is a point on P-256, 65 bytes in base64url`:                    `doit avoir un "p256dh" qui est un point de P-256, 65 octets en base64url`,
	`must have an "auth" of 16 bytes in base64url`:                                            `doit avoir un "auth" de 16 octets en base64url`,
}
