package console

import (
	"net/http"

	"heliograph/access"
	"heliograph/oidc"
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
	open("GET /sign-in/code", c.codeForm)
	open("POST /sign-in/code", c.giveCode)
	open("GET /sign-in/openid", c.openIDStart)
	open("GET "+oidc.Callback, c.openIDBack)
	open("POST /sign-out", c.signOut)
	open("GET /welcome/{secret}", c.welcomeLink)
	open("GET /welcome", c.welcomeForm)
	open("POST /welcome", c.welcome)
	open("GET /enter/{secret}", c.enterDemo)
	open("POST /theme", c.setTheme)
	private("GET /language", access.SignedIn, c.languageForm)
	open("POST /language", c.setLanguage)

	// One's own account
	private("GET "+profilePath, access.SignedIn, c.profile)
	private("POST "+profilePath+"/password", access.SignedIn, c.changePassword)
	private("GET "+twoFactorPath, access.SignedIn, c.twoFactorForm)
	private("POST "+twoFactorPath, access.SignedIn, c.confirmTwoFactor)
	private("POST "+twoFactorPath+"/codes", access.SignedIn, c.newRecoveryCodes)
	private("POST "+twoFactorPath+"/remove", access.SignedIn, c.removeTwoFactor)
	private("POST "+profilePath+"/connect", access.SignedIn, c.connectStart)
	private("POST "+profilePath+"/disconnect", access.SignedIn, c.disconnect)
	private("POST "+profilePath+"/sessions/{id}/end", access.SignedIn, c.endSession)
	private("POST "+profilePath+"/sessions/end", access.SignedIn, c.endOtherSessions)

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

	private("POST /devices/{id}/groups", access.ManageFleet, c.setDeviceGroups)

	// People and groups
	private("GET "+usersPath, access.See, c.users)
	private("GET "+usersPath+".csv", access.See, c.usersCSV)
	private("GET "+usersPath+"/{id}", access.See, c.user)
	private("POST "+usersPath+"/{id}/groups", access.ManageFleet, c.setUserGroups)
	private("POST "+usersPath+"/{id}/delete", access.ManageFleet, c.deleteUser)
	private("GET "+groupsPath, access.See, c.groups)
	private("GET "+groupsPath+"/new", access.ManageFleet, c.newGroup)
	private("POST "+groupsPath+"/new", access.ManageFleet, c.createGroup)
	private("GET "+groupsPath+"/{id}", access.See, c.group)
	private("POST "+groupsPath+"/{id}", access.ManageFleet, c.updateGroup)
	private("POST "+groupsPath+"/{id}/delete", access.ManageFleet, c.deleteGroup)

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

	private("GET "+templatesPath, access.SeeSettings, c.templates)
	private("GET "+templatesPath+"/new", access.Configure, c.newTemplate)
	private("GET "+templatesPath+"/{id}", access.SeeSettings, c.editTemplate)
	for _, form := range []string{templatesPath + "/new", templatesPath + "/{id}"} {
		private("POST "+form+"/again", access.Configure, c.againTemplate)
		private("POST "+form+"/preview", access.Configure, c.previewTemplate)
		private("POST "+form+"/size", access.Configure, c.sizeTemplate)
		private("POST "+form+"/test", access.Configure, c.testTemplate)
		private("POST "+form+"/draft", access.Configure, c.keepDraft)
	}
	private("POST "+templatesPath+"/new", access.Configure, c.createTemplate)
	private("POST "+templatesPath+"/{id}", access.Configure, c.updateTemplate)
	private("POST "+templatesPath+"/{id}/duplicate", access.Configure, c.duplicateTemplate)
	private("POST "+templatesPath+"/{id}/restore", access.Configure, c.restoreTemplate)
	private("POST "+templatesPath+"/{id}/delete", access.Configure, c.deleteTemplate)
	private("GET "+importPath, access.ManageFleet, c.importForm)
	private("POST "+importPath, access.ManageFleet, c.importFile)
	private("GET "+organizationPath, access.SeeSettings, c.organization)
	private("POST "+organizationPath, access.Configure, c.setOrganization)
	private("GET "+soundsPath, access.SeeSettings, c.sounds)
	private("POST "+soundsPath, access.Configure, c.createSound)
	private("POST "+soundsPath+"/{id}", access.Configure, c.renameSound)
	private("POST "+soundsPath+"/{id}/delete", access.Configure, c.deleteSound)

	private("GET "+signInSettingsPath, access.SeeSettings, c.signInSettings)
	private("POST "+signInSettingsPath, access.Administer, c.saveSignInPolicy)
	private("POST "+signInSettingsPath+"/provider", access.Administer, c.saveProvider)
	private("POST "+signInSettingsPath+"/provider/test", access.Administer, c.testProvider)
	private("POST "+signInSettingsPath+"/provider/delete", access.Administer, c.deleteProvider)
	private("POST /settings/administrators/{id}/second-factor/reset", access.Administer, c.resetTwoFactor)
	private("POST /settings/administrators/{id}/sessions/end", access.Administer, c.endAccountSessions)

	private("GET "+administratorsPath, access.SeeSettings, c.administrators)
	private("GET "+administratorsPath+"/new", access.Administer, c.newAdministrator)
	private("POST "+administratorsPath+"/new", access.Administer, c.createAdministrator)
	private("GET "+administratorsPath+"/{id}", access.SeeSettings, c.editAdministrator)
	private("POST "+administratorsPath+"/{id}", access.Administer, c.updateAdministrator)
	private("POST "+administratorsPath+"/{id}/link", access.Administer, c.inviteAdministrator)
	private("POST "+administratorsPath+"/{id}/delete", access.Administer, c.deleteAdministrator)
	private("GET "+apiTokensPath, access.SeeSettings, c.apiTokens)
	private("GET "+apiTokensPath+"/new", access.Administer, c.newAPIToken)
	private("POST "+apiTokensPath+"/new", access.Administer, c.createAPIToken)
	private("POST "+apiTokensPath+"/{id}/delete", access.Administer, c.deleteAPIToken)
	private("GET "+auditPath, access.ReadAudit, c.audit)
	private("GET "+auditPath+".csv", access.ReadAudit, c.auditCSV)
	private("GET "+auditPath+"/{id}", access.ReadAudit, c.auditEntry)
	private("POST "+auditPath+"/days", access.Configure, c.setAuditDays)

	// Mail push
	private("GET "+mailPath, access.SeeSettings, c.mailHealth)
	private("GET "+mailPath+"/live", access.SeeSettings, c.mailHealthLive)
	private("POST "+mailPath+"/brakes/confirm", access.Configure, c.releaseBrake(true))
	private("POST "+mailPath+"/brakes/dismiss", access.Configure, c.releaseBrake(false))
	private("GET "+mailSettingsPath, access.SeeSettings, c.mailSettings)
	private("POST "+mailSettingsPath, access.Configure, c.saveMailSettings)
	private("GET "+appKeysPath, access.SeeSettings, c.appKeys)
	private("GET "+appKeysPath+"/new", access.Configure, c.newAppKey)
	private("POST "+appKeysPath+"/new", access.Configure, c.createAppKey)
	private("POST "+appKeysPath+"/{id}/revoke", access.Configure, c.revokeAppKey)
	private("GET "+mailConfigurationPath, access.SeeSettings, c.mailConfiguration)
	private("POST "+mailConfigurationPath, access.SeeSettings, c.mailConfiguration)
	private("POST "+mailConfigurationPath+"/download", access.SeeSettings, c.downloadConfiguration)
	private("GET "+mailNetworkPath, access.SeeSettings, c.mailNetwork)
	private("GET "+mailNetworkPath+"/now", access.SeeSettings, c.mailNetworkNow)
	private("GET "+diagnosisPath, access.Diagnose, c.diagnosis)
	private("GET "+diagnosisPath+"/live", access.Diagnose, c.diagnosisLive)

	mux.Handle("GET /assets/", access.Open, c.assets)
	open("/", func(http.ResponseWriter, *http.Request) error { return web.ErrNotFound })
	return mux
}
