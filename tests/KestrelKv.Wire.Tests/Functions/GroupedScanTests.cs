using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>SCAN with a delimiter: keys, and groups of keys with a common prefix.</summary>
public sealed class GroupedScanTests : IDisposable
{
    private readonly TestWire _wire = new();
    private readonly TestClient _client;

    public GroupedScanTests() => _client = _wire.Connect();

    public void Dispose() => _wire.Dispose();

    [Theory]
    [InlineData("""{"delimiter": ":"}""", "a [a:]3 [b:]1 c [user:]3 user; next null")]
    [InlineData("""{"delimiter": ":", "descending": true}""", "user; [user:]3 c [b:]1 [a:]3 a next null")]
    [InlineData("""{"delimiter": ":", "limit": 2}""", "a [a:]3 next a:")]
    [InlineData("""{"delimiter": ":", "limit": 2, "after": "a:"}""", "[b:]1 c next c")]
    [InlineData("""{"delimiter": ":", "limit": 2, "after": "c"}""", "[user:]3 user; next null")]
    [InlineData("""{"delimiter": ":", "limit": 2, "descending": true, "after": "user:"}""", "c [b:]1 next b:")]
    [InlineData("""{"delimiter": ":", "limit": 2, "descending": true, "after": "b:"}""", "[a:]3 a next null")]
    [InlineData("""{"delimiter": ":", "prefix": "user:"}""", "user: user:1 user:2 next null")]
    [InlineData("""{"delimiter": ":", "prefix": "user"}""", "[user:]3 user; next null")]
    [InlineData("""{"delimiter": ":", "prefix": "a:"}""", "a:1 [a:x:]2 next null")]
    [InlineData("""{"delimiter": ":", "prefix": "x"}""", "next null")]
    [InlineData("""{"delimiter": "user:", "prefix": "u"}""", "user: user:1 user:2 user; next null")]
    [InlineData("""{"delimiter": ":", "after": "a:1"}""", "[b:]1 c [user:]3 user; next null")] // the rest of a group is skipped
    [InlineData("""{"delimiter": ":", "after": "b:zzz", "descending": true}""", "[a:]3 a next null")]
    [InlineData("""{"delimiter": ":", "until": "user:1"}""", "a [a:]3 [b:]1 c next null")] // no group is listed in part
    [InlineData("""{"delimiter": ":", "until": "a:1", "descending": true}""", "user; [user:]3 c [b:]1 next null")]
    [InlineData("""{"delimiter": ":", "after": "a:", "until": "b:"}""", "next null")]
    public async Task Scan_Delimiter_ListsKeysAndGroups(string parameters, string expected)
    {
        foreach (string key in (string[])["a", "a:1", "a:x:1", "a:x:2", "b:1", "c", "user:", "user:1", "user:2", "user;"])
            _client.Call(Frames.Put(key, "1"));
        Assert.Equal(expected, Text(await ScanAsync(_client, parameters)));
    }

    [Fact]
    public async Task Scan_DelimiterWithValuesAndMeta_AppliesThemToKeys()
    {
        _client.Call(Calls.Request("PUT", """{"obj": "a/\"", "val": 1, "expires_at": 4102444800}"""));
        _client.Call(Frames.Put("é", "2.0"));
        Assert.Equal(
            Calls.Reply("SCAN", """
            {"entries": [{"prefix": "a/", "keys": 1}, {"obj": "é", "val": 2.0, "version": 2, "expires_at": null}], "next": null, "version": 2}
            """),
            await _client.CallAsync(Calls.Request("SCAN", """{"delimiter": "/", "values": true, "meta": true}""")));
        Assert.Equal(
            Calls.Reply("SCAN", """{"entries": [{"prefix": "a/\"", "keys": 1}, {"obj": "é"}], "next": null, "version": 2}"""),
            await _client.CallAsync(Calls.Request("SCAN", """{"delimiter": "\""}""")));
    }

    [Fact]
    public async Task Scan_ExpiredKeys_AreNotCounted()
    {
        foreach (string key in (string[])["a:1", "a:2", "b:1"]) _client.Call(Frames.Put(key, "1"));
        _client.Call(Calls.Request("EXPIRE", """{"obj": "a:2", "expires_at": 1}"""));
        _client.Call(Calls.Request("EXPIRE", """{"obj": "b:1", "expires_at": 1}"""));
        Assert.Equal("[a:]1 next null", Text(await ScanAsync(_client, """{"delimiter": ":"}""")));
        Assert.Equal("[a:]1 next null", Text(await ScanAsync(_client, """{"delimiter": ":", "limit": 1}""")));
    }

    /// <summary>Pages of any length, in both directions and between any bounds, against the keys in a list.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task Scan_RandomKeysInPages_ListsWhatTheModelDoes(bool engine) => Seeds.RunAsync(async random =>
    {
        string[] parts = ["a", "b", "/", "//", "é", "😀", "\0", ":", "z"];
        for (int round = 0; round < 30; round++)
        {
            using var wire = new TestWire(store: engine ? new EmbeddedStore(TimeProvider.System) : new ManagedStore(TimeProvider.System));
            TestClient client = wire.Connect();
            HashSet<string> keys = [];
            for (int i = random.Next(1, 120); i > 0; i--) keys.Add(RandomKey());
            client.Send([.. keys.Select(key => Calls.Request("PUT", $"{{\"obj\": {Json(key)}, \"val\": 1}}"))]);
            client.Replies();
            for (int query = 0; query < 20; query++)
            {
                string delimiter = parts[random.Next(parts.Length)] + (random.Next(4) == 0 ? parts[random.Next(parts.Length)] : "");
                string prefix = random.Next(3) == 0 ? "" : RandomKey()[..1];
                if (char.IsSurrogate(prefix.LastOrDefault())) prefix = "";
                string? after = random.Next(3) == 0 ? RandomKey() : null, until = random.Next(3) == 0 ? RandomKey() : null;
                bool descending = random.Next(2) == 0;
                int limit = random.Next(1, 8);
                List<string> expected = Model(keys, prefix, delimiter, after, until, descending);
                List<string> listed = await WalkAsync(client, prefix, delimiter, after, until, descending, limit);
                Assert.True(expected.SequenceEqual(listed),
                    $"keys {Json(keys)}, prefix {Json(prefix)}, delimiter {Json(delimiter)}, after {Json(after)}, until {Json(until)}, " +
                    $"descending {descending}, limit {limit}\nexpected {string.Join(' ', expected)}\nlisted   {string.Join(' ', listed)}");
            }
        }

        string RandomKey() => string.Concat(Enumerable.Range(0, random.Next(1, 6)).Select(_ => parts[random.Next(parts.Length)]));
    });

    /// <summary>Groups with more keys than one step visits, on step boundaries too.</summary>
    [Theory]
    [InlineData(9_999)]
    [InlineData(10_000)]
    [InlineData(10_001)]
    [InlineData(25_000)]
    public async Task Scan_GroupLongerThanAStep_IsCountedExactly(int count)
    {
        using var wire = new TestWire(store: new EmbeddedStore(TimeProvider.System));
        TestClient client = wire.Connect();
        string[] keys = ["a", .. Enumerable.Range(0, count).Select(i => $"g/{i:d6}"), "h", "i/1"];
        await PutAsync(wire.Store, keys);
        foreach (string direction in (string[])["", ", \"descending\": true"])
        {
            string expected = direction == "" ? $"a [g/]{count} h [i/]1 next null" : $"[i/]1 h [g/]{count} a next null";
            Assert.Equal(expected, Text(await ScanAsync(client, $$"""{"delimiter": "/"{{direction}}}""")));
        }
        Assert.Equal($"a [g/]{count} next g/", Text(await ScanAsync(client, """{"delimiter": "/", "limit": 2}""")));
        Assert.Equal($"[g/]{count} next null", Text(await ScanAsync(client, """{"delimiter": "/", "after": "a", "until": "h"}""")));
    }

    [Fact]
    public async Task Scan_ManyKeysBetweenSteps_ListsEachOnce()
    {
        // More keys than a step, none of them in a group: pages of 1,000.
        using var wire = new TestWire(store: new EmbeddedStore(TimeProvider.System));
        string[] keys = [.. Enumerable.Range(0, 12_000).Select(i => i.ToString("d6", CultureInfo.InvariantCulture))];
        await PutAsync(wire.Store, keys);
        Assert.Equal(keys, await WalkAsync(wire.Connect(), "", "/", null, null, descending: false, 1_000));
    }

    /// <summary>A page of long prefixes ends at 4 MiB of text.</summary>
    [Fact]
    public async Task Scan_LongGroups_EndsPagesEarlyAndContinues()
    {
        string[] keys = [.. Enumerable.Range(0, 900).Select(i => $"{i:d4}{new string('"', 4_000)}/1")];
        await PutAsync(_wire.Store, keys);
        int pages = 0, groups = 0;
        for (string? after = ""; after is not null; pages++)
        {
            JsonNode page = await ScanAsync(_client, $$"""{"delimiter": "/", "limit": 1000, "after": {{Json(after)}}}""");
            groups += page["entries"]!.AsArray().Count;
            after = (string?)page["next"];
        }
        Assert.Equal((2, 900), (pages, groups));
    }

    [Fact]
    public async Task Run_CanceledInALongGroup_EndsBetweenSteps()
    {
        using var cancellation = new CancellationTokenSource();
        using var inner = new EmbeddedStore(TimeProvider.System);
        await PutAsync(inner, [.. Enumerable.Range(0, 30_000).Select(i => $"g/{i:d6}")]);
        var store = new CountingLists(inner) { AfterList = cancellation.Cancel };
        using var connections = new WireConnections(new WireOptions(), TimeProvider.System);
        var runner = new RequestRunner(store, connections);
        RequestParser.Parse("""{"func": "SCAN", "params": {"delimiter": "/"}}"""u8.ToArray(), new RequestLimits(), out Request request);
        using var response = new Response();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await runner.RunAsync(new[] { runner.Validate(request) }, response, cancellationToken: cancellation.Token));
        Assert.Equal(1, store.Lists);
    }

    private static async Task PutAsync(IKeyValueStore store, string[] keys) => await store.ExecuteAsync(
        keys.Select(key => Operation.Put(Encoding.UTF8.GetBytes(key), "1"u8.ToArray())).ToArray(), new Ignoring());

    /// <summary>Lists all pages. Each one is full, except the last.</summary>
    private static async Task<List<string>> WalkAsync(
        TestClient client, string prefix, string delimiter, string? after, string? until, bool descending, int limit)
    {
        List<string> all = [];
        string bounds = $"\"prefix\": {Json(prefix)}, \"delimiter\": {Json(delimiter)}, \"until\": {Json(until ?? "")}";
        for (string? next = after ?? ""; next is not null;)
        {
            JsonNode page = await ScanAsync(
                client, $"{{{bounds}, \"after\": {Json(next)}, \"limit\": {limit}, \"descending\": {(descending ? "true" : "false")}}}");
            JsonArray entries = page["entries"]!.AsArray();
            next = (string?)page["next"];
            Assert.InRange(entries.Count, next is null ? 0 : limit, limit);
            if (next is not null) Assert.Equal(next, (string)(entries[^1]!["prefix"] ?? entries[^1]!["obj"])!);
            all.AddRange(entries.Select((entry, i) => Text(entry, i)));
        }
        return all;
    }

    private static List<string> Model(
        IEnumerable<string> keys, string prefix, string delimiter, string? after, string? until, bool descending)
    {
        int sign = descending ? -1 : 1;
        return
        [
            .. keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).GroupBy(EntryOf)
                .Where(entry => after is null || sign * Compare(entry.Key, EntryOf(after)) > 0)
                .Where(entry => until is null || sign * Compare(entry.Key, EntryOf(until)) < 0)
                .Order(Comparer<IGrouping<string, string>>.Create((x, y) => sign * Compare(x.Key, y.Key)))
                .Select(entry => IsGroup(entry.Key) ? $"[{entry.Key}]{entry.Count()}" : entry.Key),
        ];

        string EntryOf(string key) => IsGroup(key)
            ? key[..(key.IndexOf(delimiter, prefix.Length, StringComparison.Ordinal) + delimiter.Length)]
            : key;

        bool IsGroup(string key) =>
            key.StartsWith(prefix, StringComparison.Ordinal) && key.IndexOf(delimiter, prefix.Length, StringComparison.Ordinal) >= 0;

        static int Compare(string x, string y) => Encoding.UTF8.GetBytes(x).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y));
    }

    private static async Task<JsonNode> ScanAsync(TestClient client, string parameters)
    {
        JsonNode reply = JsonNode.Parse(await client.CallAsync(Calls.Request("SCAN", parameters)))!;
        return reply["response"]?["response"] ?? throw new InvalidOperationException($"{parameters}: {reply}");
    }

    private static string Text(JsonNode page) => page["entries"] is JsonArray entries
        ? string.Join(' ', entries.Select((entry, i) => Text(entry, i)).Append($"next {(string?)page["next"] ?? "null"}"))
        : "";

    private static string Text(JsonNode? entry, int index) =>
        entry!["prefix"] is { } prefix ? $"[{prefix}]{entry["keys"]}" : (string)entry["obj"]!;

    private static string Json<T>(T value) => JsonSerializer.Serialize(value);

    private sealed class Ignoring : IResultSink
    {
        public bool OnResult(int index, in OperationResult result) => true;
    }

    /// <summary>Counts the listings, and calls an action after each.</summary>
    private sealed class CountingLists(IKeyValueStore inner) : StoreDouble(inner)
    {
        public int Lists { get; private set; }

        public Action AfterList { get; init; } = () => { };

        public override ValueTask<int> ExecuteAsync(
            ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default) =>
            Inner.ExecuteAsync(operations, results, cancellationToken);

        public override async ValueTask<bool> ListAsync(
            ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default)
        {
            Assert.InRange(query.Limit, 1, 10_000);
            bool more = await Inner.ListAsync(query, entries, cancellationToken);
            Lists++;
            AfterList();
            return more;
        }
    }
}
