package text

var settings = map[string]string{}
