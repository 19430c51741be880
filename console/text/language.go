package text

// languages is the choice of a language and a time zone.
var languages = map[string]string{
	"language.title":     "Language and time zone",
	"language.lead":      "How the console speaks to you, and in which zone it shows times. Others have their own.",
	"language.language":  "Language",
	"language.choose":    "Choose a language",
	"language.automatic": "As the browser asks: %s",
	"language.zone":      "Time zone",
	"language.zone.auto": "As the browser is set: %s",
	"language.zone.bad":  "This time zone is not known. Choose one from the list, such as Europe/Lisbon.",
	"language.zone.help": "Leave empty for the browser’s. Times are shown with their zone.",
	"language.save":      "Save",
	"language.saved":     "Language and time zone were saved.",
}
