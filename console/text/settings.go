package text

var settings = map[string]string{
	"settings.section.notifications": "Notifications",
	"settings.section.system":        "System",
	"settings.servers":               "Notification Server",
	"settings.servers.lead":          "The mail server that e-mail leaves by.",
	"settings.push":                  "Push providers",
	"settings.push.lead":             "Keys for messages to your device app, at Apple and Google.",
	"settings.api":                   "API reference",
	"settings.api.lead":              "Everything here can be scripted.",
	"settings.about":                 "About",
	"settings.about.lead":            "Version, licences and what this is made with.",
	"settings.none":                  "Not set up yet",
	"settings.paused":                "“%s” is paused",
	"settings.active.one":            "%d active",
	"settings.active.other":          "%d active",

	"about.title":           "About",
	"about.version":         "Version",
	"about.version.short":   "Version %s",
	"about.revision":        "Revision",
	"about.source":          "Source of",
	"about.go":              "Built with",
	"about.machine":         "Running on",
	"about.licence":         "Licence",
	"about.components":      "Made with",
	"about.components.lead": "These pages stand on the work of others.",
}
