package smtp

import (
	"bytes"
	"errors"
	"strings"

	"github.com/Azure/go-ntlmssp"
	gomail "github.com/wneessen/go-mail/smtp"
)

// ntlm signs in as Windows does (MS-SMTPNTLM), with NTLMv2. The user may be DOMAIN\name, name@domain or a bare name.
//
// There are three messages: NEGOTIATE, the server's CHALLENGE, AUTHENTICATE. NEGOTIATE goes along with AUTH, as
// RFC 4954 section 4 has it; servers that know only the older form, in which it waits for a first 334 of any text, get
// it again.
type ntlm struct {
	user, password string

	waited   bool // the server was let speak before NEGOTIATE
	answered bool // AUTHENTICATE was sent: there is no more to say
}

// challengeMark is how a CHALLENGE begins: signature and type (MS-NLMP section 2.2.1.2).
const challengeMark = "NTLMSSP\x00\x02\x00\x00\x00"

// accountName writes the domain of DOMAIN\name in capitals. Its case means nothing, but it goes into the hash: Windows
// takes it as it comes, Cyrus SASL in capitals whatever came.
func accountName(user string) string {
	domain, name, found := strings.Cut(user, `\`)
	if !found {
		return user
	}
	return strings.ToUpper(domain) + `\` + name
}

func (a *ntlm) Start(*gomail.ServerInfo) (mechanism string, initial []byte, err error) {
	initial, err = a.negotiate()
	return "NTLM", initial, err
}

// negotiate names no machine: the server is not to infer anything from it.
func (a *ntlm) negotiate() ([]byte, error) { return ntlmssp.NewNegotiateMessage("", "") }

func (a *ntlm) withoutInitial() {}

func (a *ntlm) Next(said []byte, _ bool) ([]byte, error) {
	switch {
	case a.answered:
		return nil, errors.New("another challenge after the answer")
	case bytes.HasPrefix(said, []byte(challengeMark)):
		a.answered = true
		return ntlmssp.NewAuthenticateMessage(said, accountName(a.user), a.password, nil)
	case a.waited:
		return nil, errors.New("not a challenge")
	}
	a.waited = true
	return a.negotiate()
}
