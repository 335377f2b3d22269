// A client that this project did not write, digitalocean/go-qemu, migrates a guest between two doubles: it speaks QMP to both,
// starts the migration, follows the events of the source until the end, and asks both how it ended.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

func connect(path string) *qmp.SocketMonitor {
	monitor, err := qmp.NewSocketMonitor("unix", path, 2*time.Second)
	if err != nil {
		log.Fatal(err)
	}
	if err := monitor.Connect(); err != nil {
		log.Fatal(err)
	}
	return monitor
}

func run(monitor *qmp.SocketMonitor, command string, arguments map[string]interface{}) map[string]interface{} {
	message := qmp.Command{Execute: command}
	if arguments != nil {
		message.Args = arguments
	}
	request, err := json.Marshal(message)
	if err != nil {
		log.Fatal(err)
	}
	reply, err := monitor.Run(request)
	if err != nil {
		log.Fatalf("%s: %v", command, err)
	}
	var decoded struct {
		Return map[string]interface{} `json:"return"`
	}
	if err := json.Unmarshal(reply, &decoded); err != nil {
		log.Fatal(err)
	}
	return decoded.Return
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: go-client SOURCE.sock DESTINATION.sock URI")
	}
	source, destination := connect(os.Args[1]), connect(os.Args[2])
	defer source.Disconnect()
	defer destination.Disconnect()
	fmt.Printf("connected to %d.%d\n", source.Version.QEMU.Major, source.Version.QEMU.Minor)

	events := map[string]interface{}{
		"capabilities": []interface{}{map[string]interface{}{"capability": "events", "state": true}},
	}
	run(source, "migrate-set-capabilities", events)
	run(source, "migrate-set-parameters", map[string]interface{}{"max-bandwidth": 100 << 20})
	run(destination, "migrate-incoming", map[string]interface{}{"uri": os.Args[3]})
	stream, err := source.Events(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	// The library's reader waits until an event is taken, also while a command is under way.
	seen := make(chan qmp.Event, 1024)
	go func() {
		for event := range stream {
			seen <- event
		}
	}()
	run(source, "migrate", map[string]interface{}{"uri": os.Args[3]})
	deadline := time.After(30 * time.Second)
	for ended := false; !ended; {
		select {
		case event := <-seen:
			fmt.Println(event.Event, event.Data)
			status, _ := event.Data["status"].(string)
			ended = status == "completed" || status == "failed"
		case <-deadline:
			log.Fatal("the migration did not end")
		}
	}
	info := run(source, "query-migrate", nil)
	there := run(destination, "query-status", nil)
	fmt.Println("source", info["status"], "destination", there["status"])
	if info["status"] != "completed" || there["status"] != "running" {
		os.Exit(1)
	}
	run(source, "quit", nil)
	run(destination, "quit", nil)
}
