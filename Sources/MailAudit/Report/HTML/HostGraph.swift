// Who spoke to whom, drawn: clients left, servers right, a line for what went in clear and one for what went under TLS. Of many
// hosts the busiest are drawn and the others are summed up.

import MailRecording

/// The figure of hosts.
struct HostGraph {
    /// Hosts of a side, the sum of the others included.
    static let most = 20

    /// A host, or several.
    struct Node {
        var name: String
        var sessions = 0
    }

    /// What passed between two nodes.
    struct Edge {
        var client: Int
        var server: Int
        var clear = 0
        var tls = 0
    }

    private(set) var clients: [Node] = []
    private(set) var servers: [Node] = []
    private(set) var edges: [Edge] = []

    init(_ all: [AuditEdge]) {
        var byClient: [IPAddress: Int] = [:]
        var byServer: [IPEndpoint: Int] = [:]
        var names: [IPEndpoint: String] = [:]
        for edge in all {
            byClient[edge.client, default: 0] += edge.clear + edge.tls
            byServer[edge.server, default: 0] += edge.clear + edge.tls
            names[edge.server] = "\(edge.server) \(edge.mailProtocol.rawValue.uppercased())"
        }
        let clientPlaces = Self.places(byClient) { ($0.description, $0.description) }
        clients = clientPlaces.nodes(rest: "other clients")
        // Servers stand near the clients that use them, so that few lines cross.
        var weights: [IPEndpoint: (sum: Int, count: Int)] = [:]
        for edge in all {
            let place = clientPlaces.place(edge.client)
            let old = weights[edge.server] ?? (0, 0)
            weights[edge.server] = (old.sum + place * 1_000, old.count + 1)
        }
        let serverPlaces = Self.places(byServer) { server in
            let weight = weights[server] ?? (0, 1)
            let mean = String(weight.sum / max(1, weight.count))
            return (
                String(repeating: "0", count: max(0, 12 - mean.utf8.count)) + mean + server.description,
                names[server] ?? server.description
            )
        }
        servers = serverPlaces.nodes(rest: "other servers")
        var sums: [Int: Edge] = [:]
        for edge in all {
            let (client, server) = (clientPlaces.place(edge.client), serverPlaces.place(edge.server))
            let key = client * 1_000 + server
            var sum = sums[key] ?? Edge(client: client, server: server)
            sum.clear += edge.clear
            sum.tls += edge.tls
            sums[key] = sum
        }
        edges = sums.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Who stands where on a side.
    private struct Places<Host: Hashable> {
        var order: [Host]
        var places: [Host: Int]
        var names: [Host: String]
        var sums: [Host: Int]
        var others: Int
        var otherSessions: Int

        func place(_ host: Host) -> Int { places[host] ?? order.count }

        func nodes(rest: String) -> [Node] {
            var nodes = order.map { Node(name: names[$0] ?? "", sessions: sums[$0] ?? 0) }
            if others > 0 {
                nodes.append(Node(name: "\(Figures.grouped(others)) \(rest)", sessions: otherSessions))
            }
            return nodes
        }
    }

    /// - Parameter describe: by what hosts are ordered, and what they are called.
    private static func places<Host: Hashable>(
        _ sums: [Host: Int], _ describe: (Host) -> (key: String, name: String)
    ) -> Places<Host> {
        var keys: [Host: String] = [:]
        var names: [Host: String] = [:]
        for host in sums.keys { (keys[host], names[host]) = describe(host) }
        let busiest = sums.sorted { ($1.value, keys[$0.key] ?? "") < ($0.value, keys[$1.key] ?? "") }
        let kept = busiest.prefix(busiest.count > most ? most - 1 : most).map(\.key)
        let order = kept.sorted { (keys[$0] ?? "") < (keys[$1] ?? "") }
        var places: [Host: Int] = [:]
        for (number, host) in order.enumerated() { places[host] = number }
        let others = busiest.dropFirst(kept.count)
        return Places(
            order: order, places: places, names: names, sums: sums, others: others.count,
            otherSessions: others.reduce(0) { $0 + $1.value })
    }

    // MARK: Drawing

    func draw(_ html: inout Markup) {
        let pitch = 26, left = 260, right = 500
        let rows = max(clients.count, servers.count)
        let height = rows * pitch + 12
        func y(_ place: Int, _ count: Int) -> Int {
            // The shorter side is spread over the height of the longer one.
            count > 0 ? 6 + (2 * place + 1) * rows * pitch / (2 * count) : 0
        }
        html.markup("<div class=\"scroll\" role=\"region\" aria-label=\"Who spoke to whom\" tabindex=\"0\">")
        SVG.open(
            "hosts", 760, height, "Who spoke to whom",
            "\(Figures.count(clients.count, "client")) on the left, \(Figures.count(servers.count, "server")) on the right; the numbers stand in the table below.",
            &html)
        for edge in edges {
            let (from, to) = (y(edge.client, clients.count), y(edge.server, servers.count))
            let isBoth = edge.clear > 0 && edge.tls > 0
            html.markup("<g>")
            html.element(
                "title",
                text: "\(name(clients, edge.client)) → \(name(servers, edge.server)): "
                    + "\(Figures.grouped(edge.clear)) in clear, \(Figures.grouped(edge.tls)) under TLS")
            if edge.tls > 0 { line("edge-tls", edge.tls, from + (isBoth ? 4 : 0), to + (isBoth ? 4 : 0), &html) }
            if edge.clear > 0 { line("edge-clear", edge.clear, from - (isBoth ? 4 : 0), to - (isBoth ? 4 : 0), &html) }
            html.markup("</g>")
        }
        for (number, node) in clients.enumerated() {
            draw(node, left, y(number, clients.count), isClient: true, &html)
        }
        for (number, node) in servers.enumerated() {
            draw(node, right, y(number, servers.count), isClient: false, &html)
        }
        html.markup("</svg></div>\n")
    }

    private func name(_ nodes: [Node], _ place: Int) -> String {
        nodes.indices.contains(place) ? nodes[place].name : ""
    }

    private func line(_ shade: String, _ sessions: Int, _ from: Int, _ to: Int, _ html: inout Markup) {
        // Ten times as many sessions, a step thicker.
        let width = min(6, String(sessions).utf8.count + 1)
        html.open(
            "path",
            ["class": shade, "d": "M266 \(from)C370 \(from) 390 \(to) 494 \(to)", "stroke-width": String(width)])
        html.close("path")
    }

    private func draw(_ node: Node, _ x: Int, _ y: Int, isClient: Bool, _ html: inout Markup) {
        html.markup("<g>")
        html.element("title", text: "\(node.name): \(Figures.count(node.sessions, "session"))")
        html.open("circle", ["cx": String(x), "cy": String(y), "r": "5", "class": "host"])
        html.close("circle")
        SVG.text(
            isClient ? x - 11 : x + 11, y + 4, isClient ? "label end" : "label", SVG.short(node.name, 36), &html)
        html.markup("</g>")
    }
}
