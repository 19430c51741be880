package text

var dashboard = map[string]string{
	"dashboard.title": "Dashboard",
}
