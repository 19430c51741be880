// Package portuguese is what the console says in Portuguese; see package text.
//
// It is meant for Portugal, Brazil and all others who read Portuguese. Where their words differ the European one stands
// here (ficheiro, palavra-passe, utilizador), and where both understand a third, that one: people are not addressed as
// “você” or “tu”, but with the imperative of courtesy (introduza, escolha).
package portuguese

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
