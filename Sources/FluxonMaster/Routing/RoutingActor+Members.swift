package import FluxonCore
package import FluxonRPC
internal import FluxonSystem

/// An owner that follows the directory.
struct DirectoryWatcher {
    let stream: RPCStream
    /// It did not read fast enough for the last change: it gets the whole list when it has read what was sent.
    var isBehind = false
}

/// Who is in the cluster: told to owners as changes, to tools in pages, to etcd for people.
extension RoutingActor {
    /// `Master/Directory`: the owners now, then every change of them.
    package func watchDirectory(_ stream: RPCStream) {
        guard table != nil else { return stream.finish(Self.notLeading) }
        let id = ObjectIdentifier(stream)
        watchers[id] = DirectoryWatcher(stream: stream)
        stream.onEnd = { [weak self] _ in self?.assumeIsolated { $0.watchers[id] = nil } }
        stream.onWritable = { [weak self] in self?.assumeIsolated { $0.catchUp(id) } }
        sendDirectory(stream)
    }

    private func catchUp(_ id: ObjectIdentifier) {
        guard let watcher = watchers[id], watcher.isBehind else { return }
        watchers[id]?.isBehind = false
        sendDirectory(watcher.stream)
    }

    private func sendDirectory(_ stream: RPCStream) {
        let owners = directory.owners.sorted { $0.description.instanceKey < $1.description.instanceKey }.map(member)
        let pages = DirectoryPage.pages(term: term, revision: directory.revision, isWhole: true, owners: owners)
        for page in pages { stream.send(page.encoded()) }
    }

    /// What changed in this turn, at its end: a change costs its own length for each owner, whatever the length of the list, and an
    /// external that comes or goes costs owners nothing.
    func tellOfMembers() {
        guard table != nil, let changes = directory.takeChanges() else { return }
        for entry in changes.present {
            states.update(entry.description.instanceKey, state(of: entry), now: loop.now)
            presence[entry.description.instanceKey] = member(entry)
        }
        for name in changes.goneOwners + changes.goneOthers {
            states.forget(name)
            presence[name] = .some(nil)
        }
        onPresence?()
        let owners = changes.present.filter { $0.description.role == .owner }.map(member)
        guard !owners.isEmpty || !changes.goneOwners.isEmpty else { return }
        let messages = DirectoryPage.pages(
            term: term, revision: directory.revision, isWhole: false, owners: owners, gone: changes.goneOwners
        ).map { $0.encoded() }
        for (id, watcher) in watchers where !watcher.isBehind {
            guard watcher.stream.isWritable else {
                watchers[id]?.isBehind = true
                continue
            }
            for message in messages { watcher.stream.send(message) }
        }
    }

    /// What came, changed or left (nil) since the last call.
    package func takePresence() -> [InstanceKey: MembersAnswer.Member?] {
        defer { presence = [:] }
        return presence
    }

    /// A page of `fluxon members`: in the first one masters come before the others.
    package func members(_ request: MembersRequest) -> MembersAnswer {
        let masters = request.after.name.isEmpty ? [ownMember] + standbys.map { member($0, Self.standingBy) } : []
        let (entries, hasMore) = directory.page(after: request.after, limit: Limits.membersPage - masters.count)
        return MembersAnswer(clusterName: cluster, term: term, members: masters + entries.map(member), hasMore: hasMore)
    }

    /// Some of the keys, for a person; nil: this master may not speak for its cluster now.
    package func keys(_ request: KeysRequest) -> KeysAnswer? {
        guard let table, table.authority.mayAct(now: loop.now) else { return nil }
        return table.keys(request)
    }

    static let standingBy = "standing by"
    var ownState: String { table == nil ? Self.standingBy : "leading" }
    var ownMember: MembersAnswer.Member { member(master, ownState) }

    private func member(_ entry: MemberDirectory.Entry) -> MembersAnswer.Member {
        // An external says nothing after it joined: its connection is its presence.
        member(
            entry.description, state(of: entry), silent: entry.description.role == .owner ? loop.now.since(entry.lastHeard) : .zero)
    }

    private func member(_ description: MemberDescription, _ state: String, silent: Duration = .zero) -> MembersAnswer.Member {
        func milliseconds(_ duration: Duration) -> UInt64 { UInt64(max(0, duration.clampedNanoseconds / 1_000_000)) }
        let holds = states.since(description.instanceKey, state).map { loop.now.since($0) } ?? .zero
        return MembersAnswer.Member(
            description: description, state: state, silentMilliseconds: milliseconds(silent), stateMilliseconds: milliseconds(holds))
    }

    private func state(of entry: MemberDirectory.Entry) -> String {
        guard entry.description.role == .owner else { return "connected" }
        return switch table?.rosterState(of: entry.description.instanceKey) {
        case .in: entry.isConnected && table?.session(of: entry.description.instanceKey) != nil ? "in" : "silent"
        case .bypassed: "bypassed"
        case .lost: "lost"
        case nil: "joining"
        }
    }
}
