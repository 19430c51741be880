package french

var languages = map[string]string{
	"language.title":     "Langue et fuseau horaire",
	"language.lead":      "La langue de la console et le fuseau dans lequel elle affiche les heures, pour vous seul. Chacun a les siens.",
	"language.language":  "Langue",
	"language.choose":    "Choisir une langue",
	"language.automatic": "Celle du navigateur : %s",
	"language.zone":      "Fuseau horaire",
	"language.zone.auto": "Celui du navigateur : %s",
	"language.zone.bad":  "Ce fuseau horaire est inconnu. Choisissez-en un dans la liste, par exemple Europe/Paris.",
	"language.zone.help": "Laissez vide pour celui du navigateur. Les heures sont affichées avec leur fuseau.",
	"language.save":      "Enregistrer",
	"language.saved":     "La langue et le fuseau horaire ont été enregistrés.",
}
