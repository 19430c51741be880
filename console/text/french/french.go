// Package french is what the console says in French; see package text.
//
// People are addressed as “vous”. A no-break space stands before : ; ? ! and inside « »: texts are written with U+00A0.
package french

// Areas of the console.
var Areas = []map[string]string{
	shell, signIn, dashboard, settings, server, smtpServer, smsServer, pushServer, carriers, device, people, notify, notification,
	network, expiry, languages, profile, signInSettings, templates, administrators, apiTokens, auditLog,
	mailPush, mailPushPages,
}

// Said is what other packages say in English, by its pattern; see text/sentence.go.
var Said = []map[string]string{
	saidForms, saidMacros, saidDeliveries, saidSMTP, saidPush, saidSMS, saidSignIn, saidImports,
}
