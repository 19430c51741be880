package api

import (
	"context"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/macro"
)

// Macro is one property that texts can show.
type Macro struct {
	Macro       string `json:"macro" doc:"As it is written in a text." example:"${user.mail}"`
	Namespace   string `json:"namespace" example:"user"`
	Name        string `json:"name" example:"mail"`
	Description string `json:"description" example:"mail address"`
}

// MacroTable lists what texts can show. Custom properties are not in it: whatever was imported can be used.
type MacroTable struct {
	Items      []Macro         `json:"items"`
	NextCursor *string         `json:"next_cursor" doc:"Always null: the table is short."`
	Namespaces []Explained     `json:"namespaces"`
	Functions  []MacroFunction `json:"functions"`
}

// Explained is a word and what it means.
type Explained struct {
	Name        string `json:"name" example:"user"`
	Description string `json:"description"`
}

// MacroFunction changes a value, after a bar: ${user.givenname|upper}.
type MacroFunction struct {
	Name        string `json:"name" example:"upper"`
	Usage       string `json:"usage" doc:"As it is written after a bar." example:"substring(from[, to])"`
	Description string `json:"description"`
}

// RenderRequest asks for a text with its macros filled in.
type RenderRequest struct {
	Text     string `json:"text" required:"true" maxLength:"32768" example:"Hello ${user.givenname['colleague']}"`
	DeviceID string `json:"device_id,omitempty" maxLength:"128" doc:"Its values, and those of its user unless user_id says otherwise."`
	UserID   string `json:"user_id,omitempty" maxLength:"128"`
}

// Rendering is a text with its macros filled in. With errors the text is empty.
type Rendering struct {
	Text     string         `json:"text"`
	Missing  []string       `json:"missing" doc:"Macros that had no value."`
	Warnings []MacroProblem `json:"warnings" doc:"What is doubtful, such as properties that nothing has."`
	Errors   []MacroProblem `json:"errors"`
}

// MacroProblem is something in a text.
type MacroProblem struct {
	Position int    `json:"position" doc:"Counts characters from 1."`
	Detail   string `json:"detail"`
}

func (s *server) listMacros(context.Context, access.Actor, *struct{}) (*found[MacroTable], error) {
	t := MacroTable{Items: []Macro{}, Namespaces: []Explained{}, Functions: []MacroFunction{}}
	for _, m := range macro.Table() {
		t.Items = append(t.Items, Macro{m.Source(), m.Namespace, m.Name, m.Description})
	}
	for _, n := range macro.Namespaces() {
		t.Namespaces = append(t.Namespaces, Explained{n.Name, n.Description})
	}
	for _, f := range macro.Functions() {
		t.Functions = append(t.Functions, MacroFunction{f.Name, f.Usage, f.Description})
	}
	return &found[MacroTable]{t}, nil
}

type renderInput struct{ payload[RenderRequest] }

func (s *server) renderMacros(ctx context.Context, actor access.Actor, in *renderInput) (*found[Rendering], error) {
	r, err := s.door.Render(ctx, actor, in.body.Text, fleet.DeviceID(in.body.DeviceID), fleet.UserID(in.body.UserID))
	if err != nil {
		return nil, err
	}
	return &found[Rendering]{Rendering{r.Text, listOf(r.Missing), showMacroProblems(r.Warnings), showMacroProblems(r.Errors)}}, nil
}

func showMacroProblems(problems []macro.Problem) []MacroProblem {
	shown := make([]MacroProblem, 0, len(problems))
	for _, p := range problems {
		shown = append(shown, MacroProblem(p))
	}
	return shown
}
