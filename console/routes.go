package console

import (
	"net/http"

	"heliograph/access"
	"heliograph/web"
)

// routes is every address of the console, with what somebody needs to be answered there. Who has not signed in is led to
// the sign-in page first, and back.
func (c *console) routes() *web.Routes {
	mux := web.NewRoutes(c.identify, c.refuse)
	open := func(pattern string, h web.Handler) { mux.Handle(pattern, access.Open, c.handler(h)) }
	private := func(pattern string, needs access.Permission, h web.Handler) { mux.Handle(pattern, needs, c.plain(h)) }

	// Signing in
	open("GET /sign-in", c.signInForm)
	open("POST /sign-in", c.signIn)
	open("POST /sign-out", c.signOut)
	open("GET /welcome/{secret}", c.welcomeLink)
	open("GET /welcome", c.welcomeForm)
	open("POST /welcome", c.welcome)
	open("GET /enter/{secret}", c.enterDemo)
	open("POST /theme", c.setTheme)
	private("GET /language", access.SignedIn, c.languageForm)
	open("POST /language", c.setLanguage)

	// Dashboard
	private("GET /{$}", access.See, c.dashboard)
	private("GET /live/dashboard", access.See, c.dashboardLive)

	// Devices
	private("GET /devices", access.See, c.devices)
	private("GET /devices.csv", access.See, c.devicesCSV)
	private("GET /devices/tree", access.See, c.devicesTree)
	private("GET /devices/count", access.See, c.devicesCount)
	private("POST /devices/selection", access.See, c.selectDevices)
	private("GET /devices/{id}", access.See, c.device)

	// Sending
	private("GET /notify", access.Send, c.notify)
	private("POST /notify", access.Send, c.notifyAgain)
	private("POST /notify/reach", access.Send, c.notifyReach)
	private("POST /notify/preview", access.Send, c.notifyPreview)
	private("POST /notify/size", access.Send, c.notifySize)
	private("GET /notify/summary", access.Send, c.toNotify)
	private("POST /notify/summary", access.Send, c.notifySummary)
	private("GET /notify/send", access.Send, c.toNotify)
	private("POST /notify/send", access.Send, c.notifySend)

	// Notifications
	private("GET /notifications", access.See, c.notifications)
	private("GET /notifications/list", access.See, c.notificationsLive)
	private("GET /notifications/{id}", access.See, c.notification)
	private("GET /notifications/{id}/progress", access.See, c.notificationProgress)
	private("GET /notifications/{id}/deliveries", access.See, c.deliveriesLive)
	private("GET /notifications/{id}/deliveries.csv", access.See, c.deliveriesCSV)
	private("GET /notifications/{id}/deliveries/{delivery}", access.See, c.delivery)
	private("POST /notifications/{id}/cancel", access.Send, c.cancelNotification)
	private("POST /notifications/{id}/retry/{state}", access.Resend, c.retryNotification)

	// Settings
	private("GET /settings", access.SignedIn, c.settings)
	private("GET /settings/about", access.See, c.about)
	private("GET "+networkPath, access.SeeSettings, c.network)
	private("GET "+networkPath+"/now", access.SeeSettings, c.networkNow)
	private("GET "+networkPath+".csv", access.SeeSettings, c.networkCSV)
	for _, f := range serverFamilies {
		private("GET "+f.path, access.SeeSettings, c.serverList(f))
		private("GET "+f.path+"/new", access.Configure, c.newServer(f))
		private("POST "+f.path+"/new", access.Configure, c.createServer(f))
		private("POST "+f.path+"/new/test", access.Configure, c.testServer(f))
		private("GET "+f.path+"/{id}", access.SeeSettings, c.editServer(f))
		private("POST "+f.path+"/{id}", access.Configure, c.updateServer(f))
		private("POST "+f.path+"/{id}/test", access.Configure, c.testServer(f))
		private("POST "+f.path+"/{id}/activate", access.Configure, c.activateServer(f))
		private("POST "+f.path+"/{id}/resume", access.Configure, c.resumeServer(f))
		private("POST "+f.path+"/{id}/delete", access.Configure, c.deleteServer(f))
	}

	private("GET "+carriersPath, access.SeeSettings, c.carriers)
	private("POST "+carriersPath+"/use", access.Configure, c.setCarrierUse)
	private("GET "+carriersPath+"/detect", access.Configure, c.detectCarriers)
	private("GET "+carriersPath+"/new", access.Configure, c.newCarrier)
	private("POST "+carriersPath+"/new", access.Configure, c.createCarrier)
	private("GET "+carriersPath+"/{id}", access.SeeSettings, c.editCarrier)
	private("POST "+carriersPath+"/{id}", access.Configure, c.updateCarrier)
	private("POST "+carriersPath+"/{id}/delete", access.Configure, c.deleteCarrier)

	mux.Handle("GET /assets/", access.Open, c.assets)
	open("/", func(http.ResponseWriter, *http.Request) error { return web.ErrNotFound })
	return mux
}
