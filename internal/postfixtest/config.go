package postfixtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mailUser is who owns the delivered mail: virtual(8) does not deliver as root.
const mailUser = 65534 // nobody

// masterCF lists the daemons besides those of the ports. None is chrooted: everything lives in one directory.
const masterCF = `
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// mainCF is what all servers share; %[1]s is the server's directory, %[2]s its
// name in the greeting.
const mainCF = `
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
myhostname = mail.example.test
smtpd_banner = $myhostname ESMTP %[2]s
mydestination =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
smtputf8_enable = yes
# Any domain is ours, any address is the one mailbox.
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:inbox/
virtual_mailbox_base = %[1]s/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
message_size_limit = 52428800
# Tests are many clients at one address and must not be slowed down for it.
smtpd_client_event_limit_exceptions = 127.0.0.0/8
smtpd_error_sleep_time = 0
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access regexp:%[1]s/etc/refused
`

const refused = `
/^unknown@/ 550 5.1.1 User unknown in virtual mailbox table
/^later@/   450 4.2.1 Mailbox busy, try again later
/^full@/    552 5.2.2 Mailbox full
`

// prepare makes the directories, the certificates and the password database.
func (i *instance) prepare() error {
	// The daemons drop root and must still reach their sockets and files.
	if err := os.Chmod(i.dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"etc", "etc/sasl", "queue", "data", "mail"} {
		if err := os.Mkdir(i.path(name), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chown(i.path("mail"), mailUser, mailUser); err != nil {
		return err
	}
	if err := i.chownToPostfix("data"); err != nil {
		return err
	}
	if err := i.issueCertificates(); err != nil {
		return fmt.Errorf("certificates for Postfix: %w", err)
	}
	return i.prepareSASL()
}

// configure writes Postfix's own files for free ports, and lets it make its queue.
func (i *instance) configure() error {
	master := ""
	for n, s := range i.ports {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.setPort(port)
		master += s.service(i.wanted[n])
	}
	files := map[string]string{
		"etc/main.cf":   fmt.Sprintf(mainCF, i.dir, filepath.Base(i.dir)),
		"etc/master.cf": master + masterCF,
		"etc/refused":   refused,
	}
	for name, text := range files {
		if err := os.WriteFile(i.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	// Postfix waits until main.cf is two seconds old, lest it read half a file.
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(i.path("etc/main.cf"), old, old); err != nil {
		return err
	}
	return i.run("postfix", "-c", i.path("etc"), "check")
}

// service is the smtpd of one port in master.cf, with all that is its own.
func (s *Server) service(o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s inet n - n - - smtpd\n", s.Addr)
	for _, line := range slices.Concat(s.tlsConfig(), s.authConfig(o), o.Config) {
		fmt.Fprintf(&b, "  -o { %s }\n", line)
	}
	return b.String()
}

func (s *Server) tlsConfig() []string {
	if s.tls == None {
		return []string{"smtpd_tls_security_level = none"}
	}
	lines := []string{"smtpd_tls_security_level = encrypt", "smtpd_tls_chain_files = " + s.certificateFile()}
	if s.tls == SSL {
		lines = append(lines, "smtpd_tls_wrappermode = yes")
	}
	return lines
}

// authConfig points at etc/sasl in two ways: Debian's Postfix ignores the setting
// and always looks for sasl below the directory of main.cf.
func (s *Server) authConfig(o Options) []string {
	if len(o.Auth) == 0 {
		return nil
	}
	return []string{
		"smtpd_sasl_auth_enable = yes",
		"smtpd_sasl_type = cyrus",
		"smtpd_sasl_path = " + s.name,
		"cyrus_sasl_config_path = " + s.path("etc/sasl"),
		"smtpd_sasl_local_domain = " + realm,
		"smtpd_sasl_security_options = noanonymous",
		// As on a submission port: who has not signed in is refused at RCPT.
		"smtpd_client_restrictions = permit_sasl_authenticated, reject",
	}
}

// realm is what the user's name in the password database ends with.
const realm = "example.test"

// prepareSASL makes Cyrus SASL's configuration for each port, and one database with
// the one user.
func (i *instance) prepareSASL() error {
	database := i.path("etc/sasl/users")
	needed := false
	for n, s := range i.ports {
		if len(i.wanted[n].Auth) == 0 {
			continue
		}
		needed = true
		config := fmt.Sprintf("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s\nmech_list: %s\n",
			database, strings.Join(i.wanted[n].Auth, " "))
		if err := os.WriteFile(i.path("etc/sasl/"+s.name+".conf"), []byte(config), 0o644); err != nil {
			return err
		}
	}
	if !needed {
		return nil
	}
	return i.addUser(database)
}

func (i *instance) addUser(database string) error {
	path, err := lookSbin("saslpasswd2")
	if err != nil {
		return err
	}
	s := i.ports[0]
	cmd := exec.Command(path, "-p", "-c", "-f", database, "-u", realm, s.Username)
	cmd.Stdin = strings.NewReader(s.Password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("adding the SASL user: %w\n%s", err, out)
	}
	return i.chownToPostfix("etc/sasl/users")
}

// chownToPostfix gives a file to the user that the daemons run as.
func (i *instance) chownToPostfix(name string) error {
	return i.run("chown", "postfix", i.path(name))
}

func (i *instance) run(program string, args ...string) error {
	path, err := lookSbin(program)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = cleanEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s%s", program, err, out, i.Log())
	}
	return nil
}
