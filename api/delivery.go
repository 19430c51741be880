package api

import (
	"context"
	"time"

	"heliograph/access"
	"heliograph/message"
	"heliograph/notice"
	"heliograph/store"
)

// Delivery is one recipient on one channel, and what became of it.
type Delivery struct {
	ID            string     `json:"id" example:"1151200000123"`
	Channel       string     `json:"channel" enum:"push,smtp,sms"`
	State         string     `json:"state" enum:"queued,sending,sent,delivered,failed,skipped,cancelled,unknown"`
	DeviceID      *string    `json:"device_id" doc:"null when the message is about no device."`
	UserID        *string    `json:"user_id" doc:"null when it goes to nobody we know."`
	Address       *string    `json:"address" doc:"Mail address or number; null for push. Masked for roles that may not see it."`
	Attempts      int        `json:"attempts"`
	NextAttemptAt *time.Time `json:"next_attempt_at" doc:"null unless it waits to be tried again."`
	Reason        *string    `json:"reason" enum:"token_dead,token_mismatch,mailbox_unknown,number_invalid,number_barred,refused_policy,too_large,bad_message,deferred,throttled,quota,credentials,unreachable,timeout,tls,server_error,no_address,unsupported,left_audience,cancelled,expired,lost_answer" doc:"Of the last failure; null for success."`
	Detail        *string    `json:"detail" doc:"One sentence about the last failure."`
	ProviderID    *string    `json:"provider_id" doc:"What the provider calls it."`
	MissingMacros []string   `json:"missing_macros" doc:"Macros that had no value."`
}

// showDelivery needs the notification's plan to know which macros were missing.
func showDelivery(plan *notice.Plan) func(message.DeliveryView) Delivery {
	return func(d message.DeliveryView) Delivery {
		shown := Delivery{
			ID: d.ID.String(), Channel: d.Channel.String(), State: d.State.String(),
			DeviceID: orNull(d.DeviceID), UserID: orNull(d.UserID), Address: orNull(d.Address),
			Attempts: d.Attempts, Reason: orNull(d.Reason), Detail: orNull(d.Detail), ProviderID: orNull(d.ProviderID),
			MissingMacros: listOf(plan.Missing(d.Delivery)),
		}
		if d.State == message.Queued {
			shown.NextAttemptAt = timeOrNull(d.DueAt)
		}
		return shown
	}
}

type listDeliveriesInput struct {
	ByID
	Paged
	Channel string   `query:"channel" enum:"push,smtp,sms"`
	State   []string `query:"state,explode" enum:"queued,sending,sent,delivered,failed,skipped,cancelled,unknown" doc:"One of these. Repeat it, or separate with commas."`
	Search  string   `query:"search" maxLength:"256" doc:"A fragment of the address, the device or the person."`
}

func (s *server) listDeliveries(ctx context.Context, actor access.Actor, in *listDeliveriesInput) (*found[page[Delivery]], error) {
	id := message.NotificationID(in.ID)
	n, err := s.store.Notification(ctx, actor.Scope, id)
	if err != nil {
		return nil, err
	}
	plan, err := notice.NewPlan(n.Content)
	if err != nil {
		return nil, err
	}
	f := store.DeliveryFilter{Channel: channelOf(in.Channel), State: statesOf(in.State), Search: in.Search}
	list, next, err := s.store.ListDeliveries(ctx, actor.Scope, id, f, in.page())
	if err != nil {
		return nil, err
	}
	return pageOf(list, next, showDelivery(plan)), nil
}
