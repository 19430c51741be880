package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
)

// audienceFlags name a set of devices and people; see the API's audience.
type audienceFlags struct {
	All          bool     `help:"Every device."`
	Device       []string `help:"Device by its id. May be repeated, as most of these." placeholder:"ID" sep:"none"`
	User         []string `help:"Person by id, with all their devices." placeholder:"ID" sep:"none"`
	Group        []string `help:"Group, by its name." placeholder:"NAME" sep:"none"`
	Platform     []string `help:"Only ios, ipados, macos, android, windows, other." placeholder:"WORD"`
	Ownership    []string `help:"Only corporate, byod, unknown." placeholder:"WORD"`
	Compliant    *bool    `help:"Only devices that are compliant; --no-compliant: that are not." negatable:""`
	Jailbroken   *bool    `help:"Only devices that are jailbroken; --no-jailbroken: that are not." negatable:""`
	Managed      *bool    `help:"Only devices that are managed; --no-managed: that are not." negatable:""`
	InactiveDays *int     `help:"Only devices last seen more than so many days ago, or never." placeholder:"N"`
	OSVersion    string   `help:"Only this version: 17.2, <17.2, >=17 …" name:"os-version" placeholder:"VERSION"`
	Property     []string `help:"Only devices with this property: NAME=VALUE, NAME!=VALUE, NAME<VALUE …" placeholder:"CONDITION" sep:"none"`
	MailTo       []string `help:"Also this mail address, whoever it is." placeholder:"ADDRESS" sep:"none"`
	SMSTo        []string `help:"Also this telephone number, whoever it is." placeholder:"NUMBER" sep:"none" name:"sms-to"`
	AudienceFile string   `help:"JSON file with the audience, - for standard input." placeholder:"FILE"`
}

// none reports whether nobody is named.
func (f audienceFlags) none() bool {
	built, err := f.build()
	return err == nil && len(built) == 0 && f.AudienceFile == ""
}

// audience is the API's object. Nobody at all is a mistake, not everybody.
func (f audienceFlags) audience(in io.Reader) (any, error) {
	built, err := f.build()
	switch {
	case err != nil:
		return nil, err
	case f.AudienceFile == "" && len(built) == 0:
		return nil, misused("to whom? Use --all, --device, --user, --group, --platform … or --audience-file")
	case f.AudienceFile == "":
		return built, nil
	case len(built) > 0:
		return nil, misused("--audience-file stands alone, without other flags for the audience")
	}
	return readObject(f.AudienceFile, in)
}

func (f audienceFlags) build() (map[string]any, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	a := map[string]any{}
	if f.All && len(filter) == 0 {
		a["all"] = true // a filter alone means all devices that match
	}
	putList(a, "device_ids", f.Device)
	putList(a, "user_ids", f.User)
	putList(a, "groups", f.Group)
	if f.All && len(a) > 1 {
		return nil, misused("--all cannot stand beside --device, --user or --group")
	}
	if len(filter) > 0 {
		a["filter"] = filter
	}
	addresses := map[string]any{}
	if len(f.MailTo) > 0 {
		addresses["mail"] = f.MailTo
	}
	if len(f.SMSTo) > 0 {
		addresses["mobile"] = f.SMSTo
	}
	if len(addresses) > 0 {
		a["addresses"] = addresses
	}
	return a, nil
}

func (f audienceFlags) filter() (map[string]any, error) {
	filter := map[string]any{}
	putList(filter, "platform", f.Platform)
	putList(filter, "ownership", f.Ownership)
	put(filter, "compliant", f.Compliant)
	put(filter, "jailbroken", f.Jailbroken)
	put(filter, "managed", f.Managed)
	put(filter, "inactive_days_min", f.InactiveDays)
	if f.OSVersion != "" {
		version, err := versionCondition(f.OSVersion)
		if err != nil {
			return nil, err
		}
		filter["os_version"] = version
	}
	var properties []map[string]string
	for _, text := range f.Property {
		name, op, value, err := condition(text)
		if err != nil {
			return nil, err
		}
		properties = append(properties, map[string]string{"name": name, "op": op, "value": value})
	}
	if properties != nil {
		filter["property"] = properties
	}
	return filter, nil
}

func putList(into map[string]any, key string, list []string) {
	if len(list) > 0 {
		into[key] = list
	}
}

func put[T any](into map[string]any, key string, value *T) {
	if value != nil {
		into[key] = *value
	}
}

var conditionForm = regexp.MustCompile(`^([A-Za-z0-9_.@: -]+?)\s*(!=|<=|>=|=|<|>)\s*(.*)$`)

var operators = map[string]string{"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

// condition reads NAME OPERATOR VALUE.
func condition(text string) (name, op, value string, err error) {
	parts := conditionForm.FindStringSubmatch(text)
	if parts == nil {
		return "", "", "", misused("--property must be NAME=VALUE, or with != < <= > >= instead of =")
	}
	return parts[1], operators[parts[2]], parts[3], nil
}

var versionForm = regexp.MustCompile(`^(!=|<=|>=|=|<|>|)\s*([0-9][0-9A-Za-z.]*)$`)

// versionCondition reads a version, with or without an operator before it.
func versionCondition(text string) (map[string]string, error) {
	parts := versionForm.FindStringSubmatch(text)
	if parts == nil {
		return nil, misused("--os-version must be a version such as 17.2, perhaps with = != < <= > >= before it")
	}
	return map[string]string{"op": cmp.Or(operators[parts[1]], "eq"), "value": parts[2]}, nil
}

// readObject reads a file that holds one JSON object, and passes it on as it is.
func readObject(file string, in io.Reader) (json.RawMessage, error) {
	text, err := readText(file, in)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return nil, fmt.Errorf("%s does not hold a JSON object: %w", named(file), err)
	}
	return json.RawMessage(text), nil
}
