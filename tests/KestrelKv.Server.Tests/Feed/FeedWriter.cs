using System.Globalization;
using System.Net.Sockets;
using KestrelKv.Server.Tests.Histories;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>Writes unique values as fast as it can, over one connection in each life of the server, and records the replies.</summary>
internal sealed class FeedWriter(int number, Random random)
{
    private const int KeysEach = 8;
    private static readonly string[] Prefixes = ["a:", "b:", "é:"];
    private readonly List<SentCall> _calls = [];
    private int _lastValue;

    /// <summary>The calls sent. Read them only after the writer has ended.</summary>
    public IReadOnlyList<SentCall> Calls => _calls;

    /// <summary>Writes until the server is killed or <paramref name="onReply"/>, called after each reply, returns false.</summary>
    public async Task RunAsync(Life life, Func<bool> onReply)
    {
        try
        {
            using WireClient wire = await WireClient.ConnectAsync(life.WirePort);
            for (bool continues = true; continues;)
            {
                SentCall[] burst = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => Call())];
                _calls.AddRange(burst);
                await wire.SendAsync(Frames.Stream(burst.Select(call => call.Text)));
                foreach (SentCall call in burst)
                {
                    if (await wire.ReceiveAsync() is not { } reply) return;
                    call.Acknowledge(reply);
                    continues = onReply();
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // The server was killed.
        }
    }

    private SentCall Call() => random.Next(5) > 0 ? new(Write()) : new(Writes());

    /// <summary>Returns writes of different keys: the feed shows only the combined result of several writes of one key.</summary>
    private SentWrite[] Writes() => [.. Enumerable.Range(0, random.Next(2, 6)).Select(_ => Write()).DistinctBy(write => write.Key)];

    private SentWrite Write()
    {
        string key = string.Create(CultureInfo.InvariantCulture, $"{Prefixes[random.Next(Prefixes.Length)]}{random.Next(KeysEach)}");
        int dice = random.Next(100);
        if (dice < 55) return Put("PUT", key, "val", $"{Expiry("", 3)}, \"meta\": true");
        if (dice < 65) return Put("PATCH", key, "merge", Expiry("", 3));
        if (dice < 80) return new("DELETE", Obj(key), key);
        if (dice < 92) return new("EXPIRE", $"{Obj(key)}{Expiry(", \"expires_at\": null", 1)}", key);
        return new("INCR", $"{Obj("n:" + key)}{Expiry("", 4)}", "n:" + key);
    }

    /// <summary>Returns a unique value: many short ones and a few long ones.</summary>
    private SentWrite Put(string function, string key, string parameter, string more)
    {
        int length = random.Next(40) switch
        {
            0 => random.Next(60_000),
            < 10 => random.Next(2_000),
            _ => random.Next(20),
        };
        string value = string.Create(CultureInfo.InvariantCulture, $"\"{number}.{++_lastValue} {new string('x', length)}\"");
        return new(function, $"{Obj(key)}, \"{parameter}\": {value}{more}", key, FeedChange.Digest(value));
    }

    /// <summary>
    /// Returns an expiry for one of <paramref name="rarity"/> + 1 entries, otherwise <paramref name="none"/>. Half of the expiries are
    /// soon, the others not before the end of the test.
    /// </summary>
    private string Expiry(string none, int rarity)
    {
        if (random.Next(rarity + 1) > 0) return none;
        return random.Next(2) == 0
            ? ", \"ttl\": 36000"
            : string.Create(CultureInfo.InvariantCulture, $", \"ttl\": {random.Next(1, 400)}e-3");
    }

    private static string Obj(string key) => $"\"obj\": \"{key}\"";
}
