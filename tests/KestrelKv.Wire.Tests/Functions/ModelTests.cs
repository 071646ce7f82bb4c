using System.Globalization;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Random requests over interleaved connections: the replies of the engine equal those of the model, byte for byte.</summary>
public sealed class ModelTests
{
    private const int Rounds = 2_000;
    private const int Connections = 3;

    private static readonly string[] Values =
        ["1", "-2.50", "null", "\"s\"", "[1, 2 ,3]", "{\"a\": 1, \"b\" :{\"c\": [0]}}", "{\"n\":9223372036854775806}", "1e5"];

    private static readonly string[] Paths = ["", "/a", "/b/c/0", "/b/c/-", "/n", "/0", "/x/y"];

    [Fact]
    public async Task Serve_RandomRequests_RepliesEqualModel() => await Seeds.RunAsync(async random =>
    {
        using var engine = new TestWire(store: new EmbeddedStore(TimeProvider.System));
        using var model = new TestWire(store: new ManagedStore(TimeProvider.System));
        (TestClient Engine, TestClient Model)[] clients =
            [.. Enumerable.Range(0, Connections).Select(_ => (engine.Connect(), model.Connect()))];
        for (int round = 0; round < Rounds; round++)
        {
            (TestClient ofEngine, TestClient ofModel) = clients[random.Next(Connections)];
            string[] requests = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => RequestOf(random))];
            ofEngine.Send(requests);
            ofModel.Send(requests);
            List<string> expected = await ofModel.RepliesAsync(requests.Length);
            List<string> replies = await ofEngine.RepliesAsync(requests.Length);
            for (int i = 0; i < requests.Length; i++)
                Assert.True(expected[i] == replies[i], $"Request {requests[i]}\nexpected {expected[i]}\nreceived {replies[i]}");
        }
    });

    private static string RequestOf(Random random) => random.Next(10) switch
    {
        0 => Calls.Request("MGET", $"{{\"objs\": [{Key(random)}, {Key(random)}]{Maybe(random, Path(random))}{Maybe(random, Touch(random))}, \"meta\": true}}"),
        1 => Calls.Request("BATCH", $"{{\"ops\": [{string.Join(", ", Enumerable.Range(0, random.Next(1, 5)).Select(_ => Single(random, inBatch: true)))}]{RequestId(random)}}}"),
        2 => Calls.Request("SCAN", $"{{\"limit\": {random.Next(1, 4)}, \"meta\": true, \"values\": true, \"descending\": {Flag(random)}{Maybe(random, ", \"delimiter\": \"3\"")}{Maybe(random, $", \"after\": {Key(random)}")}}}"),
        _ => Single(random, inBatch: false),
    };

    private static string Single(Random random, bool inBatch)
    {
        string function = ((string[])["GET", "PUT", "DELETE", "PATCH", "INCR", "EXPIRE"])[random.Next(6)];
        string own = function switch
        {
            "GET" => Maybe(random, Path(random)) + Maybe(random, Touch(random)) + Maybe(random, ", \"meta\": true"),
            "PUT" => $", \"val\": {Value(random)}{Maybe(random, Path(random))}{Maybe(random, Expiry(random))}{Maybe(random, ", \"meta\": true")}",
            "PATCH" => random.Next(2) == 0
                ? $", \"merge\": {Value(random)}"
                : $", \"patch\": [{{\"op\": \"{((string[])["add", "replace", "test"])[random.Next(3)]}\"{Path(random)}, \"value\": {Value(random)}}}]",
            "INCR" =>
                $", \"by\": {((string[])["1", "-3", "0.5"])[random.Next(3)]}{Maybe(random, Path(random))}{Maybe(random, Expiry(random))}",
            "EXPIRE" => Expiry(random),
            _ => "",
        };
        string condition = function == "GET" ? "" : random.Next(6) switch
        {
            0 => string.Create(CultureInfo.InvariantCulture, $", \"if_version\": {random.Next(0, 50)}"),
            1 => $", \"if_exists\": {Flag(random)}",
            _ => "",
        };
        string old = function is "PUT" or "DELETE" or "PATCH" ? Maybe(random, ", \"return_old\": true") : "";
        string requestId = function == "GET" || inBatch ? "" : RequestId(random);
        return Calls.Request(function, $"{{\"obj\": {Key(random)}{own}{condition}{old}{requestId}}}");
    }

    private static string Key(Random random) => $"\"k{random.Next(6)}\"";

    private static string Value(Random random) => Values[random.Next(Values.Length)];

    private static string Path(Random random) => $", \"path\": \"{Paths[random.Next(Paths.Length)]}\"";

    private static string Expiry(Random random) =>
        ((string[])[", \"ttl\": null", ", \"expires_at\": 4102444800.5", ", \"expires_at\": 4102444801"])[random.Next(3)];

    /// <summary>Returns a touch that ends before or after every expiry; one that extends it would depend on the time.</summary>
    private static string Touch(Random random) => random.Next(2) == 0 ? ", \"touch\": 0.5" : ", \"touch\": 60";

    private static string RequestId(Random random) => random.Next(8) == 0 ? $", \"request_id\": \"r{random.Next(20)}\"{Maybe(random, $", \"request_seq\": {random.Next(1, 4)}")}" : "";

    private static string Flag(Random random) => random.Next(2) == 0 ? "true" : "false";

    private static string Maybe(Random random, string text) => random.Next(3) == 0 ? text : "";
}
