package api

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"heliograph/access"
	"heliograph/store"
)

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	ID     string          `json:"id" example:"4711"`
	At     time.Time       `json:"at"`
	Actor  AuditActor      `json:"actor"`
	From   string          `json:"from" doc:"The address that it was asked from; empty = done on the machine itself." example:"192.0.2.17"`
	Action string          `json:"action" doc:"What was done." example:"update"`
	Object AuditObject     `json:"object"`
	Before json.RawMessage `json:"before" doc:"The object before, as this API shows it, without secrets; null = there was nothing, or nothing to say."`
	After  json.RawMessage `json:"after" doc:"Likewise afterwards."`
}

// AuditActor is who did it.
type AuditActor struct {
	Kind string `json:"kind" enum:"account,token,system,nobody" doc:"account = somebody at the console, token = a script, system = Heliograph or its command line, nobody = who had not signed in."`
	ID   string `json:"id"`
	Name string `json:"name" example:"maria"`
	Role string `json:"role" example:"administrator"`
}

// AuditObject is what it was done to.
type AuditObject struct {
	Kind string `json:"kind" example:"server"`
	ID   string `json:"id"`
	Name string `json:"name" example:"Mail"`
}

func showEntry(e access.Entry) AuditEntry {
	return AuditEntry{
		ID: strconv.FormatInt(e.ID, 10), At: e.At.UTC(), From: e.Actor.From, Action: string(e.Action),
		Actor:  AuditActor{Kind: string(e.Actor.Kind), ID: e.Actor.ID, Name: e.Actor.Name, Role: string(e.Actor.Role)},
		Object: AuditObject{Kind: string(e.Object.Kind), ID: e.Object.ID, Name: e.Object.Name},
		Before: orNullJSON(e.Before), After: orNullJSON(e.After),
	}
}

func orNullJSON(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

type listAuditInput struct {
	Paged
	Actor  string    `query:"actor" maxLength:"256" doc:"Name or id of who did it."`
	Action []string  `query:"action,explode" doc:"One of these. Repeat it, or separate with commas."`
	Kind   []string  `query:"kind,explode" doc:"Kind of object: one of these. Repeat it, or separate with commas."`
	Object string    `query:"object" maxLength:"256" doc:"The object’s id, or a fragment of its name."`
	From   string    `query:"from" maxLength:"64" doc:"The address that it was asked from, or how it begins."`
	Since  time.Time `query:"since" doc:"From this time on."`
	Until  time.Time `query:"until" doc:"Before this time."`
}

func (in *listAuditInput) filter() (f store.AuditFilter, faults []Fault) {
	f = store.AuditFilter{Actor: in.Actor, Object: in.Object, From: in.From, Since: in.Since, Until: in.Until}
	for _, word := range in.Action {
		if f.Action = append(f.Action, access.Action(word)); !access.Action(word).Known() {
			faults = append(faults, Fault{"action", "is no action that there is"})
		}
	}
	for _, word := range in.Kind {
		if f.Kind = append(f.Kind, access.ObjectKind(word)); !access.ObjectKind(word).Known() {
			faults = append(faults, Fault{"kind", "is no kind of object that there is"})
		}
	}
	return f, faults
}

func (s *server) listAudit(ctx context.Context, _ access.Actor, in *listAuditInput) (*found[page[AuditEntry]], error) {
	f, faults := in.filter()
	if len(faults) > 0 {
		return nil, refused(faults...)
	}
	list, next, err := s.store.ListAudit(ctx, f, in.page())
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, showEntry), nil
}

func (s *server) getAuditEntry(ctx context.Context, _ access.Actor, in *ByID) (*found[AuditEntry], error) {
	id, err := strconv.ParseInt(in.ID, 10, 64)
	if err != nil {
		return nil, store.ErrNotFound
	}
	e, err := s.store.AuditEntry(ctx, id)
	return find(showEntry(e), err)
}
