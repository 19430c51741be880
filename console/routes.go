package console

import (
	"net/http"

	"heliograph/web"
)

// routes is every address of the console. private pages lead to the sign-in page first.
func (c *console) routes() *http.ServeMux {
	mux := http.NewServeMux()
	open := func(pattern string, h web.Handler) { mux.Handle(pattern, c.handler(h)) }
	private := func(pattern string, h web.Handler) { mux.Handle(pattern, c.private(h)) }

	// Signing in
	open("GET /sign-in", c.signInForm)
	open("POST /sign-in", c.signIn)
	open("POST /sign-out", c.signOut)
	open("GET /welcome/{secret}", c.welcomeLink)
	open("GET /welcome", c.welcomeForm)
	open("POST /welcome", c.welcome)
	open("GET /enter/{secret}", c.enterDemo)
	open("POST /theme", c.setTheme)
	private("GET /language", c.languageForm)
	open("POST /language", c.setLanguage)

	// Dashboard
	private("GET /{$}", c.dashboard)
	private("GET /live/dashboard", c.dashboardLive)

	// Devices
	private("GET /devices", c.devices)
	private("GET /devices.csv", c.devicesCSV)
	private("GET /devices/tree", c.devicesTree)
	private("GET /devices/count", c.devicesCount)
	private("POST /devices/selection", c.selectDevices)
	private("GET /devices/{id}", c.device)

	// Sending
	private("GET /notify", c.notify)
	private("POST /notify", c.notifyAgain)
	private("POST /notify/reach", c.notifyReach)
	private("POST /notify/preview", c.notifyPreview)
	private("POST /notify/size", c.notifySize)
	private("GET /notify/summary", c.toNotify)
	private("POST /notify/summary", c.notifySummary)
	private("GET /notify/send", c.toNotify)
	private("POST /notify/send", c.notifySend)

	// Notifications
	private("GET /notifications", c.notifications)
	private("GET /notifications/list", c.notificationsLive)
	private("GET /notifications/{id}", c.notification)
	private("GET /notifications/{id}/progress", c.notificationProgress)
	private("GET /notifications/{id}/deliveries", c.deliveriesLive)
	private("GET /notifications/{id}/deliveries.csv", c.deliveriesCSV)
	private("GET /notifications/{id}/deliveries/{delivery}", c.delivery)
	private("POST /notifications/{id}/cancel", c.cancelNotification)
	private("POST /notifications/{id}/retry/{state}", c.retryNotification)

	// Settings
	private("GET /settings", c.settings)
	private("GET /settings/about", c.about)
	private("GET "+networkPath, c.network)
	private("GET "+networkPath+"/now", c.networkNow)
	private("GET "+networkPath+".csv", c.networkCSV)
	for _, f := range serverFamilies {
		private("GET "+f.path, c.serverList(f))
		private("GET "+f.path+"/new", c.newServer(f))
		private("POST "+f.path+"/new", c.createServer(f))
		private("POST "+f.path+"/new/test", c.testServer(f))
		private("GET "+f.path+"/{id}", c.editServer(f))
		private("POST "+f.path+"/{id}", c.updateServer(f))
		private("POST "+f.path+"/{id}/test", c.testServer(f))
		private("POST "+f.path+"/{id}/activate", c.activateServer(f))
		private("POST "+f.path+"/{id}/resume", c.resumeServer(f))
		private("POST "+f.path+"/{id}/delete", c.deleteServer(f))
	}

	private("GET "+carriersPath, c.carriers)
	private("POST "+carriersPath+"/use", c.setCarrierUse)
	private("GET "+carriersPath+"/detect", c.detectCarriers)
	private("GET "+carriersPath+"/new", c.newCarrier)
	private("POST "+carriersPath+"/new", c.createCarrier)
	private("GET "+carriersPath+"/{id}", c.editCarrier)
	private("POST "+carriersPath+"/{id}", c.updateCarrier)
	private("POST "+carriersPath+"/{id}/delete", c.deleteCarrier)

	mux.Handle("GET /assets/", c.assets)
	open("/", func(http.ResponseWriter, *http.Request) error { return web.ErrNotFound })
	return mux
}
