// Package macro reads, checks and renders texts with macros, such as
//
//	Hello ${user.givenname 'colleague'}, your ${device.SYSTEM_OEM | upper} must be updated.
//
// A text is parsed once, when it is saved; every problem in it is found then and named
// with its place. Rendering is a walk over the parsed form. It knows no devices: a text
// says which values it needs (its slots, such as "user.givenname"), and whoever renders
// it brings them. So the values can be taken at one time and the text be rendered at another: a Program
// compiles all texts of one notification, each delivery stores one array of values,
// and the rendering is repeated from both whenever somebody looks.
//
// # Grammar
//
//	macro   = "${" value [ default ] { "|" call } "}"      blanks are allowed between all parts
//	value   = path [ "(" [ arg { "," arg } ] ")" ]         a call is the same; in a pipe the brackets may be left out
//	path    = name { "." name }
//	name    = letter { letter | digit | "_" | "-" }
//	arg     = value | text | number
//	text    = "'" … "'"                                    two quotes inside are one
//	default = text | "[" text "]"
//
// "$${" is a literal "${", and a "$" without "{" is itself. Names are case-sensitive.
// One bare name is a custom property: ${COLOR} is ${custom.COLOR}. A pipe hands the
// value on as the function's first argument, so ${user.sn | upper} is ${upper(user.sn)}.
//
// # Missing values
//
// A value is missing when it is absent, null or empty. It renders as the macro's
// default, else as nothing, and its name is listed as it was written. A value that a
// default replaced is listed too: the reader did not get what the author meant. The
// alternatives of firstnotnull are listed only when none of them had anything to say.
//
// Values are data. Macro text inside a value is never looked at.
package macro
