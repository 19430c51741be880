package postfixtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// mailUser is who owns the delivered mail: virtual(8) does not deliver as root.
const mailUser = 65534 // nobody

// masterCF lists the daemons. None is chrooted: everything lives in one directory.
const masterCF = `
%s inet n - n - - smtpd
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

// prepare makes the directories, the certificate and the password database.
func (s *Server) prepare(o Options) error {
	// The daemons drop root and must still reach their sockets and files.
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"etc", "etc/sasl", "queue", "data", "mail"} {
		if err := os.Mkdir(s.path(name), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chown(s.path("mail"), mailUser, mailUser); err != nil {
		return err
	}
	if err := s.chownToPostfix("data"); err != nil {
		return err
	}
	if err := s.issueCertificate(); err != nil {
		return fmt.Errorf("certificate for Postfix: %w", err)
	}
	if len(o.Auth) == 0 {
		return nil
	}
	return s.addUser(o)
}

// configure writes Postfix's own files for a free port, and lets it make its queue.
func (s *Server) configure(o Options) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.setPort(port)
	files := map[string]string{
		"etc/main.cf":   s.mainCF(o),
		"etc/master.cf": fmt.Sprintf(masterCF, s.Addr),
		"etc/refused":   refused,
	}
	for name, text := range files {
		if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	// Postfix waits until main.cf is two seconds old, lest it read half a file.
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(s.path("etc/main.cf"), old, old); err != nil {
		return err
	}
	return s.run("postfix", "-c", s.path("etc"), "check")
}

func (s *Server) mainCF(o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, mainCF, s.dir, filepath.Base(s.dir))
	b.WriteString(s.tlsConfig(o.TLS))
	b.WriteString(s.authConfig(o))
	for _, line := range o.Config {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func (s *Server) tlsConfig(mode TLS) string {
	if mode == None {
		return "smtpd_tls_security_level = none\n"
	}
	text := "smtpd_tls_security_level = encrypt\nsmtpd_tls_chain_files = " + s.path("etc/server.pem") + "\n"
	if mode == SSL {
		text += "smtpd_tls_wrappermode = yes\n"
	}
	return text
}

// authConfig points at etc/sasl in two ways: Debian's Postfix ignores the setting
// and always looks for sasl below the directory of main.cf.
func (s *Server) authConfig(o Options) string {
	if len(o.Auth) == 0 {
		return ""
	}
	return fmt.Sprintf(`smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = %s
smtpd_sasl_local_domain = example.test
smtpd_sasl_security_options = noanonymous
# As on a submission port: who has not signed in is refused at RCPT.
smtpd_client_restrictions = permit_sasl_authenticated, reject
`, s.path("etc/sasl"))
}

// addUser makes Cyrus SASL's configuration and its database with the one user.
func (s *Server) addUser(o Options) error {
	database := s.path("etc/sasl/users")
	config := fmt.Sprintf("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s\nmech_list: %s\n",
		database, strings.Join(o.Auth, " "))
	if err := os.WriteFile(s.path("etc/sasl/smtpd.conf"), []byte(config), 0o644); err != nil {
		return err
	}
	path, err := lookSbin("saslpasswd2")
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "-p", "-c", "-f", database, "-u", "example.test", s.Username)
	cmd.Stdin = strings.NewReader(s.Password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("adding the SASL user: %w\n%s", err, out)
	}
	return s.chownToPostfix("etc/sasl/users")
}

// chownToPostfix gives a file to the user that the daemons run as.
func (s *Server) chownToPostfix(name string) error {
	return s.run("chown", "postfix", s.path(name))
}

func (s *Server) run(program string, args ...string) error {
	path, err := lookSbin(program)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = cleanEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s%s", program, err, out, s.Log())
	}
	return nil
}
