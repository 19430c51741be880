package main

import (
	"strings"

	"heliograph/app"
	"heliograph/listener"
)

// mailPush says where devices and mail servers reach mail push.
type mailPush struct {
	ListenRegistration  string   `help:"Where devices register that want to be woken. Default: 127.0.0.1:8081, or any free port of loopback when that is taken." placeholder:"ADDR"`
	PublicRegistration  string   `help:"Address under which devices reach it, such as https://register.example.com. The console's settings may name another." name:"public-registration-url" placeholder:"URL"`
	RegistrationTLSCert string   `help:"Certificate chain in PEM for it; read again when it changes." name:"registration-tls-cert" type:"path" placeholder:"PATH"`
	RegistrationTLSKey  string   `help:"Its key in PEM." name:"registration-tls-key" type:"path" placeholder:"PATH"`
	RegistrationTLSACME []string `help:"Host names whose certificates for it come by ACME instead." name:"registration-tls-acme" placeholder:"NAME"`
	ListenMailbox       string   `help:"Where mail servers post that a mailbox changed. Default: 127.0.0.1:8082, likewise." placeholder:"ADDR"`
	PublicMailbox       string   `help:"Address under which mail servers reach it, such as https://listener.example.com, likewise." name:"public-mailbox-url" placeholder:"URL"`
	MailboxTLSCert      string   `help:"Certificate chain in PEM for it; read again when it changes." name:"mailbox-tls-cert" type:"path" placeholder:"PATH"`
	MailboxTLSKey       string   `help:"Its key in PEM." name:"mailbox-tls-key" type:"path" placeholder:"PATH"`
	MailboxTLSACME      []string `help:"Host names whose certificates for it come by ACME instead." name:"mailbox-tls-acme" placeholder:"NAME"`
	MailboxTLSMin       string   `help:"Oldest TLS version to take from mail servers: 1.0, 1.1, 1.2 or 1.3. An old Exchange without strong cryptography needs 1.0. Default: 1.2." name:"mailbox-tls-min" default:"1.2" placeholder:"VERSION"`
}

func (m mailPush) check() error {
	if err := checkAddresses("--listen-registration", m.ListenRegistration, "--listen-mailbox", m.ListenMailbox); err != nil {
		return err
	}
	if err := checkOrigin("--public-registration-url", m.PublicRegistration); err != nil {
		return err
	}
	if err := checkOrigin("--public-mailbox-url", m.PublicMailbox); err != nil {
		return err
	}
	if (m.RegistrationTLSCert == "") != (m.RegistrationTLSKey == "") {
		return misused("--registration-tls-cert and --registration-tls-key belong together")
	}
	if (m.MailboxTLSCert == "") != (m.MailboxTLSKey == "") {
		return misused("--mailbox-tls-cert and --mailbox-tls-key belong together")
	}
	if _, err := listener.ParseTLSVersion(m.MailboxTLSMin); err != nil {
		return misused("--mailbox-tls-min: %s", err)
	}
	return nil
}

func (m mailPush) listeners() app.MailPush {
	return app.MailPush{
		ListenRegistration: m.ListenRegistration, RegistrationURL: strings.TrimSuffix(m.PublicRegistration, "/"),
		RegistrationTLS: app.TLS{CertFile: m.RegistrationTLSCert, KeyFile: m.RegistrationTLSKey, ACME: m.RegistrationTLSACME},
		ListenMailbox:   m.ListenMailbox, MailboxURL: strings.TrimSuffix(m.PublicMailbox, "/"),
		MailboxTLS: app.TLS{CertFile: m.MailboxTLSCert, KeyFile: m.MailboxTLSKey, ACME: m.MailboxTLSACME, Least: m.MailboxTLSMin},
	}
}
