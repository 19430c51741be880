package smtp

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ehlo greets and announces the extensions.
func (d *dialogue) ehlo(name string) error {
	if name == "" || strings.ContainsAny(name, " \t") {
		return d.say(reply{501, "5.5.4 EHLO needs one name"})
	}
	lines := []string{d.server.options.Hostname + " greets you", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
		fmt.Sprintf("SIZE %d", d.server.options.MaxSize), "AUTH PLAIN LOGIN XOAUTH2"}
	if !d.secure && !d.server.options.NoSTARTTLS {
		lines = append(lines, "STARTTLS")
	}
	return d.hello(name, reply{250, strings.Join(lines, "\n")})
}

func (d *dialogue) ehloOld(name string) error {
	if name == "" {
		return d.say(reply{501, "5.5.4 HELO needs a name"})
	}
	return d.hello(name, reply{250, d.server.options.Hostname})
}

func (d *dialogue) hello(name string, ordinary reply) error {
	return d.answer(stageEHLO, ordinary, func(r reply) error {
		if r.good() {
			d.helo, d.mail = name, nil
		}
		return nil
	}, name)
}

// startTLS turns the connection into TLS and forgets what was said before (RFC 3207 section 4.2).
func (d *dialogue) startTLS(argument string) error {
	switch {
	case d.secure:
		return d.say(reply{503, "5.5.1 TLS is already in use"})
	case d.server.options.NoSTARTTLS:
		return d.say(reply{502, "5.5.1 STARTTLS is not offered"})
	case argument != "":
		return d.say(reply{501, "5.5.4 STARTTLS takes no parameter"})
	case d.in.Buffered() > 0: // clear text that would be taken for protected
		return errors.Join(d.say(reply{554, "5.5.0 nothing may be pipelined after STARTTLS"}), errOver)
	}
	return d.answer(stageSTARTTLS, reply{220, "2.0.0 go ahead"}, func(r reply) error {
		if r.code != 220 {
			return nil
		}
		conn := tls.Server(d.raw, d.server.tls)
		if err := conn.Handshake(); err != nil {
			return fmt.Errorf("TLS handshake: %w", err)
		}
		d.use(conn)
		d.secure, d.helo, d.user, d.mail = true, "", "", nil
		return nil
	}, d.raw.RemoteAddr().String())
}

// mechanisms are the ways to sign in. Each is given what the client said with AUTH; a reply with a code ends it.
var mechanisms = map[string]func(d *dialogue, initial string) (proof, reply, error){
	"PLAIN":   (*dialogue).authPlain,
	"LOGIN":   (*dialogue).authLogin,
	"XOAUTH2": (*dialogue).authToken,
}

// proof is what a client showed of itself.
type proof struct {
	user      string
	good      bool
	otherwise reply // when it is not good
}

// auth signs in (RFC 4954).
func (d *dialogue) auth(argument string) error {
	name, initial, _ := strings.Cut(argument, " ")
	mechanism, known := mechanisms[strings.ToUpper(name)]
	switch {
	case d.helo == "":
		return d.say(reply{503, "5.5.1 EHLO first"})
	case d.user != "" || d.mail != nil:
		return d.say(reply{503, "5.5.1 not now"})
	case !known:
		return d.say(reply{504, "5.5.4 the mechanism is not known"})
	}
	shown, refused, err := mechanism(d, initial)
	switch {
	case err != nil:
		return err
	case refused.code != 0:
		return d.say(refused)
	}
	ordinary := reply{235, "2.7.0 welcome"}
	if shown.user == "" || !shown.good {
		ordinary = shown.otherwise
	}
	return d.answer(stageAuth, ordinary, func(r reply) error {
		switch {
		case r.code == 334:
			return d.afterChallenge()
		case r.good():
			d.user = shown.user
		}
		return nil
	}, shown.user)
}

// byPassword is the proof of those who show one.
func (d *dialogue) byPassword(user, password string) proof {
	return proof{user: user, good: d.server.options.Password(user, password), otherwise: reply{535, "5.7.8 user name or password is wrong"}}
}

// authPlain is RFC 4616.
func (d *dialogue) authPlain(initial string) (proof, reply, error) {
	text, refused, err := d.response(initial, "")
	if err != nil || refused.code != 0 {
		return proof{}, refused, err
	}
	parts := strings.Split(text, "\x00") // authorization identity, user, password
	if len(parts) != 3 {
		return proof{}, reply{501, "5.5.2 PLAIN needs three parts"}, nil
	}
	return d.byPassword(parts[1], parts[2]), reply{}, nil
}

func (d *dialogue) authLogin(initial string) (proof, reply, error) {
	user, refused, err := d.response(initial, "Username:")
	if err != nil || refused.code != 0 {
		return proof{}, refused, err
	}
	password, refused, err := d.response("", "Password:")
	if err != nil || refused.code != 0 {
		return proof{}, refused, err
	}
	return d.byPassword(user, password), reply{}, nil
}

// response decodes what a client says to a challenge. initial is what it said without waiting; "=" stands for nothing.
func (d *dialogue) response(initial, challenge string) (string, reply, error) {
	if initial == "" {
		if err := d.say(reply{334, base64.StdEncoding.EncodeToString([]byte(challenge))}); err != nil {
			return "", reply{}, err
		}
		line, err := d.readLine()
		if err != nil {
			return "", reply{}, err
		}
		initial = line
	}
	switch initial {
	case "*":
		return "", reply{501, "5.7.0 cancelled"}, nil
	case "=":
		return "", reply{}, nil
	}
	text, err := base64.StdEncoding.DecodeString(initial)
	if err != nil {
		return "", reply{501, "5.5.2 not base64"}, nil
	}
	return string(text), reply{}, nil
}
