package main

import "io"

// templateFlags name a template. The flags for texts then stand in for its own.
type templateFlags struct {
	Template string   `help:"Say what this template says, by its name or id; the flags for texts stand in for its own." placeholder:"NAME"`
	Channel  []string `help:"Of the template's channels, use this one: push, smtp or sms. May be repeated." placeholder:"WORD" enum:"push,smtp,sms"`
}

// fill writes into a request what is said: by a template, or in words of their own.
func (f templateFlags) fill(body map[string]any, texts contentFlags, in io.Reader) (err error) {
	if f.Template == "" {
		if len(f.Channel) > 0 {
			return misused("--channel belongs to a --template")
		}
		body["ad_hoc"], err = texts.content(in)
		return err
	}
	body["template"] = f.Template
	if len(f.Channel) > 0 {
		body["channels"] = f.Channel
	}
	overrides, err := texts.overrides(in)
	if err == nil && overrides != nil {
		body["overrides"] = overrides
	}
	return err
}

// overrides is the API's object of that name; nil when nothing stands in for the template's texts.
func (f contentFlags) overrides(in io.Reader) (any, error) {
	if f.ContentFile != "" {
		return f.content(in)
	}
	push, err := textOf("--push", f.Push, f.PushFile, in)
	if err != nil {
		return nil, err
	}
	mail, err := textOf("--mail", f.Mail, f.MailFile, in)
	if err != nil {
		return nil, err
	}
	sms, err := textOf("--sms", f.SMS, f.SMSFile, in)
	if err != nil {
		return nil, err
	}
	overrides := map[string]any{}
	if given := texts("message", sms, "recipient", f.SMSTo); len(given) > 0 {
		overrides["sms"] = given
	}
	if given := texts("message", push, "sound", f.Sound); len(given) > 0 || f.Badge != nil {
		put(given, "badge", f.Badge)
		overrides["push"] = given
	}
	if given := texts("subject", f.Subject, "message", mail, "sender", f.Sender, "recipient", f.Recipient); len(given) > 0 {
		overrides["smtp"] = given
	}
	if len(overrides) == 0 {
		return nil, nil
	}
	return overrides, nil
}

// texts keeps the pairs of a name and a text that has one.
func texts(pairs ...string) map[string]any {
	kept := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			kept[pairs[i]] = pairs[i+1]
		}
	}
	return kept
}
