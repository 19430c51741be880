package macro_test

import (
	"fmt"
	"time"

	"golang.org/x/text/language"

	"heliograph/macro"
)

func ExampleParse() {
	_, err := macro.Parse("Dear ${usr.givenname}, your ${device.name | uper} …")
	fmt.Println(err)
	// Output:
	// character 8: unknown namespace "usr", the nearest is "user"; character 45: unknown function "uper", the nearest is "upper"
}

func ExampleText_Render() {
	text, err := macro.Parse("Dear ${user.givenname 'colleague'}, please update by ${action.deadline | date('EEEE dd MMMM')}.")
	if err != nil {
		fmt.Println(err)
		return
	}
	values := map[macro.Slot]string{"action.deadline": "2026-11-30T18:00:00Z"}
	rendered, missing := text.Render(macro.Env{
		Values:   func(s macro.Slot) (string, bool) { v, ok := values[s]; return v, ok },
		Location: time.UTC,
		Language: language.English,
	})
	fmt.Println(rendered)
	fmt.Println(missing)
	// Output:
	// Dear colleague, please update by Monday 30 November.
	// [user.givenname]
}

func ExampleCompile() {
	subject, _ := macro.Parse("News for ${user.mail}")
	body, _ := macro.Parse("${device.name} of ${user.mail}")
	program := macro.Compile(subject, body)

	mail := "ana@example.org"
	values := []*string{&mail, nil} // what a delivery stores
	fmt.Println(program.Slots())
	fmt.Println(program.Render(0, values, time.UTC, language.English))
	fmt.Println(program.Missing(values))
	// Output:
	// [user.mail device.name]
	// News for ana@example.org
	// [device.name]
}
