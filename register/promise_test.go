package register

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heliograph/mailbox"
	"heliograph/message"
)

// TestNothingPersonalIsStoredOrLogged: what a device tells about itself and its mailbox is nowhere to be read afterwards:
// not in the database's files, not in the log at its most talkative, not in any answer. Requests that are refused and
// trouble of ours make no exception.
func TestNothingPersonalIsStoredOrLogged(t *testing.T) {
	d := newDesk(t)
	const (
		token   = "5ec2e7700000000000000000000000000000000000000000000000000000beef"
		host    = "exch01.corp.contoso.example"
		guid    = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
		address = "ana.sousa@contoso.example"
	)
	subscription := base64.StdEncoding.EncodeToString(append([]byte{byte(len(host)), 0}, host+"\x10\x00\x00\x00"+guid...))
	var answers strings.Builder
	tell := func(status int, method, path, secret, body string) {
		t.Helper()
		answers.WriteString(text(d.want(status, method, path, secret, body)))
	}

	path, secret, made := d.register(`{"platform": "ios", "token": "` + token + `", "app": "org.example.mail"}`)
	capability := strings.TrimPrefix(made["listener_urls"].(map[string]any)["inbox"].(string), "https://listener.example.com/ews/")
	bind := `{"source": "ews", "subscription_id": "` + subscription + `", "folder": "inbox", "status_frequency_minutes": 30}`
	tell(204, "PUT", path+"/subscriptions/inbox", secret, bind)
	tell(422, "PUT", path+"/subscriptions/"+address, secret, bind)
	tell(422, "POST", "/v1/registrations", d.key, `{"platform": "ios", "token": "`+token+`", "app": "`+address+`", "mailbox": "`+host+" "+guid+`"}`)
	tell(400, "POST", "/v1/registrations", d.key, `{"token": "`+token+`", `+address)
	tell(401, "GET", path, token, "")
	tell(404, "GET", "/v1/registrations/"+capability, secret, "")
	tell(404, "GET", "/"+address+"/"+host+"?token="+token, secret, "")
	tell(200, "GET", path, secret, "")

	id, _ := mailbox.ParseRegistrationID(made["id"].(string))
	of, _, err := d.store.Registration(t.Context(), id)
	d.must(err)
	_, _, err = d.devices.Verdict(t.Context(), of, message.Fail(message.Failure{Reason: message.TokenMismatch, Scope: message.RecipientFinal, Answer: "400 BadDeviceToken", Detail: token}))
	d.must(err)
	tell(200, "PUT", path, secret, `{"token": "`+token+`"}`)
	diagnosis, err := mailbox.Diagnose(t.Context(), d.store, made["support_code"].(string))
	d.must(err)
	answers.WriteString(text(diagnosis.Timeline))
	files := readFiles(t, d.dir) // while the write-ahead log is there
	tell(204, "DELETE", path, secret, "")
	d.now = d.now.Add(mailbox.TombstoneTime + time.Hour)
	d.must(d.devices.Janitor().Tidy(t.Context()))
	files += readFiles(t, d.dir)
	d.store.Close()
	tell(503, "PUT", path+"/subscriptions/inbox", secret, bind)

	if !strings.Contains(files, "org.example.mail") {
		t.Fatal("the files do not hold what is there: the test looks elsewhere")
	}
	if !strings.Contains(d.log.String(), "/v1/registrations/{id}/subscriptions/{handle}") {
		t.Fatalf("the log does not speak of requests:\n%s", d.log)
	}
	for what, planted := range map[string]string{
		"token": token, "subscription": subscription, "host": host, "GUID": guid, "address": address, "local part": "ana.sousa",
		"secret": secret, "capability": capability, "app key": d.key,
	} {
		for where, content := range map[string]string{"files": files, "log": d.log.String(), "answers": answers.String()} {
			if form := found(content, planted); form != "" {
				t.Errorf("the %s is in the %s, %s", what, where, form)
			}
		}
	}
}

func readFiles(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// found looks for a text as it is, in any case, and in the forms in which bytes are written.
func found(in, planted string) string {
	raw, err := hex.DecodeString(planted)
	if err != nil {
		raw, err = base64.RawURLEncoding.DecodeString(planted)
	}
	if err != nil { // what was read before that is a byte or two, which are everywhere
		raw = nil
	}
	forms := map[string][]byte{
		"as it is": []byte(planted), "as hexadecimal": []byte(hex.EncodeToString([]byte(planted))),
		"as base64": []byte(base64.RawStdEncoding.EncodeToString([]byte(planted))[:4*(len(planted)/3)]), "as bytes": raw,
	}
	lower := bytes.ToLower([]byte(in))
	for form, content := range forms {
		if len(content) > 0 && (strings.Contains(in, string(content)) || bytes.Contains(lower, bytes.ToLower(content))) {
			return form
		}
	}
	return ""
}
