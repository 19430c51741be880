package app

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"heliograph/channel"
	"heliograph/courier"
	"heliograph/intake"
	"heliograph/jobs"
	"heliograph/template"
)

// troubleWatch is how often is looked for servers in trouble. What expires is looked at every hour.
var troubleWatch = []jobs.Often{{Every: time.Minute, Args: intake.TroubleArgs{}}}

// registerAlerts says who looks for what administrators are to be told. The door is made after the job engine, and before
// its first job.
func (a *App) registerAlerts() {
	jobs.Work(a.engine, nil, func(ctx context.Context, args intake.ExpiryArgs, running courier.Running) error {
		return a.door.WatchExpiry(ctx, args, running)
	})
	jobs.Work(a.engine, nil, func(ctx context.Context, args intake.TroubleArgs, running courier.Running) error {
		return a.door.WatchTrouble(ctx, args, running)
	})
}

// credentials are the certificates of this process's listeners, as their files are now. One that cannot be read is told
// about by who serves it.
func (a *App) credentials() (list []intake.Credential) {
	for name, t := range map[string]TLS{"console": a.options.TLS, "registration": a.options.MailPush.RegistrationTLS, "mailbox listener": a.options.MailPush.MailboxTLS} {
		raw, err := os.ReadFile(t.CertFile)
		if t.CertFile == "" || err != nil {
			continue
		}
		if found := channel.CertificateExpiries("certificate", string(raw)); len(found) > 0 { // the first is the leaf
			list = append(list, intake.Credential{
				ID: "listener/" + filepath.Base(t.CertFile), Name: "TLS certificate of the " + name + " (" + found[0].Whose + ")",
				Kind: template.CredentialExpiration, Expires: found[0].At,
			})
		}
	}
	return list
}

// ending is what administrators are told of when it ends: the certificates of listeners, in files and by ACME.
func (a *App) ending() []intake.Credential {
	return append(a.credentials(), a.acmeCredentials(time.Now())...)
}
