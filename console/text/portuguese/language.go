package portuguese

var languages = map[string]string{
	"language.title":     "Idioma e fuso horário",
	"language.lead":      "O idioma da consola e o fuso em que mostra as horas, só para si. Cada pessoa tem os seus.",
	"language.language":  "Idioma",
	"language.choose":    "Escolher um idioma",
	"language.automatic": "O do navegador: %s",
	"language.zone":      "Fuso horário",
	"language.zone.auto": "O do navegador: %s",
	"language.zone.bad":  "Este fuso horário não é conhecido. Escolha um da lista, por exemplo Europe/Lisbon.",
	"language.zone.help": "Deixe vazio para usar o do navegador. As horas são mostradas com o seu fuso.",
	"language.save":      "Guardar",
	"language.saved":     "O idioma e o fuso horário foram guardados.",
}
