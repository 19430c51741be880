package api

import (
	"net/http"
	"strings"

	"heliograph/access"
)

// Addresses below prefix that stand in more than one place.
const (
	serversPath   = "/notification-servers"
	providersPath = "/push-providers"
	carriersPath  = "/carrier-gateways"
	templatesPath = "/templates"
	soundsPath    = "/sounds"
	appKeysPath   = "/mail-push/app-keys"

	administratorsPath = "/administrators"
	openIDPath         = "/sign-in/openid"
)

// Groups of operations, as the document shows them.
const (
	devices   = "Devices"
	people    = "People and groups"
	sending   = "Notifications"
	servers   = "Notification servers"
	carriers  = "Carrier gateways"
	providers = "Push providers"
	macros    = "Macros"
	templates = "Templates"
	ourselves = "Organization"
	mailPush  = "Mail push"
	apiTokens = "API tokens"
	admins    = "Administrators"
	signingIn = "Signing in"
	auditLog  = "Audit log"
)

// routes is every operation of the API.
func (s *server) routes() {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete

	operation(s, route(get, "/devices", access.See, devices, "list-devices", "List devices"), s.listDevices)
	operation(s, route(get, "/devices/{id}", access.See, devices, "get-device", "Get a device").missing(), s.getDevice)
	operation(s, route(put, "/devices/{id}", access.ManageFleet, devices, "put-device", "Create or replace a device").creates(), s.putDevice)
	operation(s, route(del, "/devices/{id}", access.ManageFleet, devices, "delete-device", "Delete a device").missing(), s.deleteDevice)
	operation(s, route(put, "/devices/{id}/push-token", access.ManageFleet, devices, "put-push-token", "Give a device its push token").missing().creates(), s.putPushToken)
	s.importRoute()

	operation(s, route(get, "/users", access.See, people, "list-users", "List people"), s.listUsers)
	operation(s, route(get, "/users/{id}", access.See, people, "get-user", "Get a person").missing(), s.getUser)
	operation(s, route(put, "/users/{id}", access.ManageFleet, people, "put-user", "Create or replace a person").creates(), s.putUser)
	operation(s, route(del, "/users/{id}", access.ManageFleet, people, "delete-user", "Delete a person").missing(), s.deleteUser)
	operation(s, route(get, "/groups", access.See, people, "list-groups", "List groups"), s.listGroups)
	operation(s, route(get, "/groups/{id}", access.See, people, "get-group", "Get a group").missing(), s.getGroup)
	operation(s, route(put, "/groups/{id}", access.ManageFleet, people, "put-group", "Create or replace a group").conflicts().creates(), s.putGroup)
	operation(s, route(del, "/groups/{id}", access.ManageFleet, people, "delete-group", "Delete a group").missing(), s.deleteGroup)

	operation(s, route(post, "/audience/preview", access.See, sending, "preview-audience", "Count and sample an audience").example(previewExample), s.previewAudience)
	operation(s, route(post, "/notifications", access.Send, sending, "create-notification", "Send a notification").conflicts().accepts(s).example(sendExample), s.createNotification)
	operation(s, route(get, "/notifications", access.See, sending, "list-notifications", "List notifications"), s.listNotifications)
	operation(s, route(get, "/notifications/{id}", access.See, sending, "get-notification", "Get a notification and its counts").missing(), s.getNotification)
	operation(s, route(get, "/notifications/{id}/deliveries", access.See, sending, "list-deliveries", "List what became of each recipient").missing(), s.listDeliveries)
	operation(s, route(post, "/notifications/{id}/cancel", access.Send, sending, "cancel-notification", "Cancel what has not left").missing().conflicts().emptyBody(), s.cancelNotification)
	operation(s, route(post, "/notifications/{id}/retry", access.Resend, sending, "retry-notification", "Send again what failed").missing().conflicts().answers(s, Retried{}).example(retryExample), s.retryNotification)

	out := s.resource(serversPath, "An SMTP server or an SMS gateway.", "smtp", "sms")
	s.serverRoutes(out, servers, "notification-server", "notification server")

	operation(s, route(get, carriersPath, access.SeeSettings, carriers, "list-carrier-gateways", "List carrier gateways"), s.listCarriers)
	operation(s, route(post, carriersPath, access.Configure, carriers, "create-carrier-gateway", "Create a carrier gateway").conflicts().made(), s.createCarrier)
	operation(s, route(post, carriersPath+"/detect", access.Configure, carriers, "detect-carriers", "Find carriers of devices that no gateway is for").emptyBody(), s.detectCarriers)
	operation(s, route(get, carriersPath+"/use", access.SeeSettings, carriers, "get-carrier-gateway-use", "When carrier gateways are used"), s.getCarrierUse)
	operation(s, route(put, carriersPath+"/use", access.Configure, carriers, "put-carrier-gateway-use", "Say when carrier gateways are used"), s.putCarrierUse)
	operation(s, route(get, carriersPath+"/{id}", access.SeeSettings, carriers, "get-carrier-gateway", "Get a carrier gateway").missing(), s.getCarrier)
	operation(s, route(put, carriersPath+"/{id}", access.Configure, carriers, "update-carrier-gateway", "Replace a carrier gateway").missing().conflicts(), s.updateCarrier)
	operation(s, route(del, carriersPath+"/{id}", access.Configure, carriers, "delete-carrier-gateway", "Delete a carrier gateway").missing(), s.deleteCarrier)

	push := s.resource(providersPath, "An APNs credential, a Firebase project or a VAPID key.", "apns", "fcm", "webpush")
	s.serverRoutes(push, providers, "push-provider", "push provider")

	operation(s, route(get, templatesPath, access.See, templates, "list-templates", "List templates"), s.listTemplates)
	operation(s, route(post, templatesPath, access.Configure, templates, "create-template", "Create a template").conflicts().made().example(templateExample), s.createTemplate)
	operation(s, route(post, templatesPath+"/preview", access.See, templates, "preview-template", "Show what somebody would get, on each channel and in each language").missing(), s.previewTemplate)
	operation(s, route(get, templatesPath+"/{id}", access.See, templates, "get-template", "Get a template").missing(), s.getTemplate)
	operation(s, route(put, templatesPath+"/{id}", access.Configure, templates, "update-template", "Replace a template").missing().conflicts(), s.updateTemplate)
	operation(s, route(del, templatesPath+"/{id}", access.Configure, templates, "delete-template", "Delete a template that somebody added").missing().conflicts(), s.deleteTemplate)
	operation(s, route(post, templatesPath+"/{id}/restore", access.Configure, templates, "restore-template", "Give a predefined template its texts back").missing().conflicts().emptyBody(), s.restoreTemplate)
	operation(s, route(post, templatesPath+"/{id}/duplicate", access.Configure, templates, "duplicate-template", "Copy a template").missing().conflicts().made().emptyBody(), s.duplicateTemplate)
	operation(s, route(post, templatesPath+"/{id}/test", access.Configure, templates, "test-template", "Send one real message and report each step").missing(), s.testTemplate)
	operation(s, route(get, "/template-types", access.See, templates, "list-template-types", "List the types of templates"), s.listTemplateTypes)
	operation(s, route(get, soundsPath, access.See, templates, "list-sounds", "List the sounds of push messages"), s.listSounds)
	operation(s, route(post, soundsPath, access.Configure, templates, "create-sound", "Add a sound").conflicts().made(), s.createSound)
	operation(s, route(get, soundsPath+"/{id}", access.See, templates, "get-sound", "Get a sound").missing(), s.getSound)
	operation(s, route(put, soundsPath+"/{id}", access.Configure, templates, "update-sound", "Rename a sound, in the templates that use it too").missing().conflicts(), s.updateSound)
	operation(s, route(del, soundsPath+"/{id}", access.Configure, templates, "delete-sound", "Delete a sound that no template uses").missing().conflicts(), s.deleteSound)

	operation(s, route(get, "/organization", access.SeeSettings, ourselves, "get-organization", "What is known of the organisation"), s.getOrganization)
	operation(s, route(put, "/organization", access.Configure, ourselves, "put-organization", "Say what is known of the organisation"), s.putOrganization)

	operation(s, route(get, "/network-requirements", access.SeeSettings, ourselves, "get-network-requirements", "What firewalls must let through, with the addresses that the names have now"), s.getNetwork)

	for _, address := range []string{"/mail-push", "/mail-push/settings"} {
		name := strings.ReplaceAll(strings.Trim(address, "/"), "/", "-")
		operation(s, route(get, address, access.SeeSettings, mailPush, "get-"+name, "What was decided about mail push"), s.getMailSettings)
		operation(s, route(put, address, access.Configure, mailPush, "put-"+name, "Decide about mail push").example(mailSettingsExample), s.putMailSettings)
	}
	operation(s, route(get, appKeysPath, access.SeeSettings, mailPush, "list-app-keys", "List app keys"), s.listAppKeys)
	operation(s, route(post, appKeysPath, access.Configure, mailPush, "create-app-key", "Make an app key").made(), s.createAppKey)
	operation(s, route(get, appKeysPath+"/{id}", access.SeeSettings, mailPush, "get-app-key", "Get an app key").missing(), s.getAppKey)
	operation(s, route(del, appKeysPath+"/{id}", access.Configure, mailPush, "revoke-app-key", "Revoke an app key; what was registered with it stays").missing(), s.revokeAppKey)
	operation(s, route(get, "/mail-push/app-configuration", access.SeeSettings, mailPush, "get-app-configuration", "The apps’ managed configuration, with a placeholder for the app key"), s.getAppConfiguration)
	operation(s, route(post, "/mail-push/app-configuration", access.SeeSettings, mailPush, "make-app-configuration", "The same with an app key, which is not kept").example(configurationExample), s.makeAppConfiguration)
	operation(s, route(get, "/mail-push/network-requirements", access.SeeSettings, mailPush, "get-mail-network", "What firewalls, proxies and gateways must do"), s.getMailNetwork)
	operation(s, route(get, "/mail-push/diagnosis/{support_code}", access.Diagnose, mailPush, "get-diagnosis", "What is known of the device that shows a support code").missing(), s.getDiagnosis)
	operation(s, route(get, "/mail-push/health", access.SeeSettings, mailPush, "get-mail-health", "How mail push does"), s.getMailHealth)
	operation(s, route(get, "/mail-push/brakes", access.SeeSettings, mailPush, "list-brakes", "List the apps about which nobody is told Unsubscribe"), s.listBrakes)
	operation(s, route(post, "/mail-push/brakes/confirm", access.Configure, mailPush, "confirm-brake", "The devices of an app are gone indeed: mail servers may be told").missing(), s.confirmBrake)
	operation(s, route(post, "/mail-push/brakes/dismiss", access.Configure, mailPush, "dismiss-brake", "They are not: they live again").missing(), s.dismissBrake)

	operation(s, route(get, "/macros", access.See, macros, "list-macros", "List macros and functions"), s.listMacros)
	operation(s, route(post, "/macros/render", access.See, macros, "render-macros", "Fill in the macros of a text").example(renderExample), s.renderMacros)

	operation(s, route(get, "/api-tokens", access.SeeSettings, apiTokens, "list-api-tokens", "List API tokens"), s.listTokens)
	operation(s, route(post, "/api-tokens", access.Administer, apiTokens, "create-api-token", "Create an API token").made(), s.createToken)
	operation(s, route(get, "/api-tokens/{id}", access.SeeSettings, apiTokens, "get-api-token", "Get an API token").missing(), s.getToken)
	operation(s, route(del, "/api-tokens/{id}", access.Administer, apiTokens, "delete-api-token", "Delete an API token").missing(), s.deleteToken)

	one := administratorsPath + "/{id}"
	operation(s, route(get, administratorsPath, access.SeeSettings, admins, "list-administrators", "List the people who sign in to the console"), s.listAdministrators)
	operation(s, route(post, administratorsPath, access.Administer, admins, "create-administrator", "Let somebody in, with a one-time link").conflicts().made(), s.createAdministrator)
	operation(s, route(get, one, access.SeeSettings, admins, "get-administrator", "Get an administrator").missing(), s.getAdministrator)
	operation(s, route(put, one, access.Administer, admins, "update-administrator", "Change role, groups and addresses").missing().conflicts(), s.updateAdministrator)
	operation(s, route(del, one, access.Administer, admins, "delete-administrator", "Let somebody in no more; the API tokens that they made end").missing().conflicts(), s.deleteAdministrator)
	operation(s, route(post, one+"/link", access.Administer, admins, "invite-administrator", "Make a new one-time link").missing().emptyBody(), s.inviteAdministrator)

	operation(s, route(get, "/sign-in", access.SeeSettings, signingIn, "get-sign-in", "Who must show what to sign in with a password"), s.getSignInPolicy)
	operation(s, route(put, "/sign-in", access.Administer, signingIn, "put-sign-in", "Say who must"), s.putSignInPolicy)
	operation(s, route(get, openIDPath, access.SeeSettings, signingIn, "get-openid-provider", "The OpenID provider, without its secret").missing(), s.getOpenID)
	operation(s, route(put, openIDPath, access.Administer, signingIn, "put-openid-provider", "Let people sign in at an OpenID provider").creates(), s.putOpenID)
	operation(s, route(del, openIDPath, access.Administer, signingIn, "delete-openid-provider", "Let nobody sign in there any more").missing(), s.deleteOpenID)
	operation(s, route(post, openIDPath+"/test", access.Administer, signingIn, "test-openid-provider", "Ask a provider, saved or not, and report each step"), s.testOpenID)

	operation(s, route(get, "/audit", access.ReadAudit, auditLog, "list-audit", "List who did what"), s.listAudit)
	operation(s, route(get, "/audit/{id}", access.ReadAudit, auditLog, "get-audit-entry", "Get one entry of the audit log").missing(), s.getAuditEntry)
}

// serverRoutes are the operations of one resource of servers.
func (s *server) serverRoutes(r *resource, tag, id, name string) {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	one := r.path + "/{id}"

	operation(s, route(get, r.path, access.SeeSettings, tag, "list-"+id+"s", "List "+name+"s").lists(r.shape), r.list)
	operation(s, route(post, r.path, access.Configure, tag, "create-"+id, "Create a "+name).conflicts().made().takes(r.shape).shows(r.shape), r.create)
	operation(s, route(post, r.path+"/test", access.Configure, tag, "test-unsaved-"+id, "Test settings that are not saved").takes(r.trial), r.testUnsaved)
	operation(s, route(get, one, access.SeeSettings, tag, "get-"+id, "Get a "+name).missing().shows(r.shape), r.get)
	operation(s, route(put, one, access.Configure, tag, "update-"+id, "Replace a "+name).missing().conflicts().takes(r.shape).shows(r.shape), r.update)
	operation(s, route(del, one, access.Configure, tag, "delete-"+id, "Delete a "+name).missing(), r.delete)
	operation(s, route(post, one+"/activate", access.Configure, tag, "activate-"+id, "Let messages leave by it").missing().emptyBody().shows(r.shape), r.act(s.door.ActivateServer))
	operation(s, route(post, one+"/test", access.Configure, tag, "test-"+id, "Send one real message and report each step").missing().takes(r.trial), r.test)
	operation(s, route(post, one+"/resume", access.Configure, tag, "resume-"+id, "Try again now").missing().emptyBody().shows(r.shape), r.act(s.door.ResumeServer))
}
