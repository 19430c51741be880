package main

import (
	"net/url"
	"strings"

	"heliograph/app"
	"heliograph/certificate"
)

// authority is who gives certificates by ACME.
type authority struct {
	Directory   string `help:"Directory of the authority. Default: Let's Encrypt's." default:"${acme_directory}" placeholder:"URL"`
	AcceptTerms bool   `help:"You agree to the authority's terms of service; it gives nothing without."`
	Email       string `help:"Where the authority may write to you; told when the account there is made. Default: nowhere." placeholder:"ADDRESS"`
	CA          string `help:"Certificates in PEM to trust besides the system's when calling the directory, for an authority of your own." name:"ca" type:"existingfile" placeholder:"PATH"`
	EABID       string `help:"Id of the account that the authority knows you by (external account binding), where it wants one." name:"eab-id" placeholder:"ID"`
	EABKeyFile  string `help:"File with the key of that account, as the authority gave it." name:"eab-key-file" type:"existingfile" placeholder:"PATH"`
}

func (a authority) acme() app.ACME {
	return app.ACME{Directory: a.Directory, CAFile: a.CA, Email: a.Email, Terms: a.AcceptTerms, BindingID: a.EABID, BindingKeyFile: a.EABKeyFile}
}

// checkFor refuses what cannot be meant. names are those that certificates are to be got for.
func (a authority) checkFor(names []string) error {
	u, err := url.Parse(a.Directory)
	switch {
	case len(names) == 0 && a.given():
		return misused("what begins with --acme- is for certificates by ACME: name the hosts with --tls-acme, --registration-tls-acme or --mailbox-tls-acme")
	case len(names) == 0:
		return nil
	case !a.AcceptTerms:
		return misused("certificates by ACME need your agreement to the authority's terms of service (%s says where they are): read them, and give --acme-accept-terms", a.Directory)
	case err != nil || u.Scheme != "https" || u.Host == "":
		return misused("--acme-directory must be an address that begins with https://, such as %s", app.DefaultDirectory)
	case a.Email != "" && (strings.Count(a.Email, "@") != 1 || strings.ContainsAny(a.Email, " ,;:<>?") || strings.HasPrefix(a.Email, "@") || strings.HasSuffix(a.Email, "@")):
		return misused("--acme-email must be one mail address, such as it@example.com")
	case (a.EABID == "") != (a.EABKeyFile == ""):
		return misused("--acme-eab-id and --acme-eab-key-file belong together")
	}
	return nil
}

// given reports whether somebody said anything about an authority.
func (a authority) given() bool {
	return a != authority{Directory: app.DefaultDirectory}
}

// anyACME reports whether a listener gets certificates by ACME.
func (c *serveCmd) anyACME() bool {
	return len(c.TLSACME)+len(c.RegistrationTLSACME)+len(c.MailboxTLSACME) > 0
}

// checkNames reads the host names of the listeners, each of which has files or names.
func (c *serveCmd) checkNames() error {
	for _, one := range []struct {
		flag  string
		names *[]string
		files string
		cert  string
	}{
		{"--tls-acme", &c.TLSACME, "--tls-cert", c.TLSCert},
		{"--registration-tls-acme", &c.RegistrationTLSACME, "--registration-tls-cert", c.RegistrationTLSCert},
		{"--mailbox-tls-acme", &c.MailboxTLSACME, "--mailbox-tls-cert", c.MailboxTLSCert},
	} {
		if len(*one.names) > 0 && one.cert != "" {
			return misused("a listener has its certificate from files or by ACME: give %s or %s, not both", one.files, one.flag)
		}
		names, err := certificate.ParseNames(*one.names)
		if err != nil {
			return misused("%s: %v", one.flag, err)
		}
		*one.names = names
	}
	return nil
}
