package main

import (
	"fmt"
	"io"
	"strings"
)

// contentFlags are the texts; a channel is used when it has one.
type contentFlags struct {
	Push        string `help:"Text of the push message." placeholder:"TEXT"`
	PushFile    string `help:"File with the text of the push message, - for standard input." placeholder:"FILE"`
	Sound       string `help:"Sound of the push message." placeholder:"NAME"`
	Badge       *int   `help:"Number on the app's icon; 0 clears it." placeholder:"N"`
	Subject     string `help:"Subject of the e-mail." placeholder:"TEXT"`
	Mail        string `help:"Text of the e-mail." placeholder:"TEXT"`
	MailFile    string `help:"File with the text of the e-mail, - for standard input." placeholder:"FILE"`
	Sender      string `help:"Sender of the e-mail, instead of the server's." placeholder:"ADDRESS"`
	Recipient   string `help:"Where the e-mail goes, instead of to the person's mail address." placeholder:"TEXT"`
	SMS         string `help:"Text of the text message." placeholder:"TEXT" name:"sms"`
	SMSFile     string `help:"File with the text of the text message, - for standard input." placeholder:"FILE" name:"sms-file"`
	SMSTo       string `help:"Where the text message goes, instead of to the person's number." placeholder:"TEXT" name:"sms-recipient"`
	ContentFile string `help:"JSON file with all of this, - for standard input." placeholder:"FILE"`
}

// content is the API's object "ad_hoc".
func (f contentFlags) content(in io.Reader) (any, error) {
	if f.ContentFile != "" {
		file := f.ContentFile
		f.ContentFile = ""
		if f != (contentFlags{}) {
			return nil, misused("--content-file stands alone, without other flags for the texts")
		}
		return readObject(file, in)
	}
	push, err := f.push(in)
	if err != nil {
		return nil, err
	}
	mail, err := f.mail(in)
	if err != nil {
		return nil, err
	}
	sms, err := f.sms(in)
	if err != nil {
		return nil, err
	}
	content := map[string]any{}
	if sms != nil {
		content["sms"] = sms
	}
	if push != nil {
		content["push"] = push
	}
	if mail != nil {
		content["smtp"] = mail
	}
	if len(content) == 0 {
		return nil, misused("what? Use --push, --subject and --mail, --sms, or --content-file")
	}
	return content, nil
}

func (f contentFlags) push(in io.Reader) (map[string]any, error) {
	text, err := textOf("--push", f.Push, f.PushFile, in)
	switch {
	case err != nil:
		return nil, err
	case text == "" && (f.Sound != "" || f.Badge != nil):
		return nil, misused("--sound and --badge need a text: --push or --push-file")
	case text == "":
		return nil, nil
	}
	push := map[string]any{"message": text}
	put(push, "badge", f.Badge)
	if f.Sound != "" {
		push["sound"] = f.Sound
	}
	return push, nil
}

func (f contentFlags) mail(in io.Reader) (map[string]any, error) {
	text, err := textOf("--mail", f.Mail, f.MailFile, in)
	switch {
	case err != nil:
		return nil, err
	case text == "" && (f.Subject != "" || f.Sender != "" || f.Recipient != ""):
		return nil, misused("an e-mail needs a text: --mail or --mail-file")
	case text == "":
		return nil, nil
	case f.Subject == "":
		return nil, misused("an e-mail needs a --subject")
	}
	mail := map[string]any{"subject": f.Subject, "message": text}
	if f.Sender != "" {
		mail["sender"] = f.Sender
	}
	if f.Recipient != "" {
		mail["recipient"] = f.Recipient
	}
	return mail, nil
}

func (f contentFlags) sms(in io.Reader) (map[string]any, error) {
	text, err := textOf("--sms", f.SMS, f.SMSFile, in)
	switch {
	case err != nil:
		return nil, err
	case text == "" && f.SMSTo != "":
		return nil, misused("--sms-recipient needs a text: --sms or --sms-file")
	case text == "":
		return nil, nil
	}
	return texts("message", text, "recipient", f.SMSTo), nil
}

// textOf is a text given on the command line or in a file. The line feed at the end of a file is not part of it.
func textOf(flag, text, file string, in io.Reader) (string, error) {
	switch {
	case file == "":
		return text, nil
	case text != "":
		return "", misused("%s and %s-file cannot be given together", flag, flag)
	}
	text, err := readText(file, in)
	if err != nil {
		return "", err
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", fmt.Errorf("%s is empty", named(file))
	}
	return text, nil
}
