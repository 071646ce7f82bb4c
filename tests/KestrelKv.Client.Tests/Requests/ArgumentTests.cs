namespace KestrelKv.Client.Tests.Requests;

/// <summary>Invalid arguments: the exception names the argument, the value and the limit, and nothing is sent.</summary>
public sealed class ArgumentTests
{
    [Fact]
    public async Task Key_NullOrEmpty_IsRefused()
    {
        foreach (string key in (string[])[null!, ""])
        {
            await RequestTexts.AssertInvalidAsync(client => client.GetAsync<int>(key).AsTask(), "key");
            await RequestTexts.AssertInvalidAsync(client => client.PutAsync(key, 1).AsTask(), "key");
            await RequestTexts.AssertInvalidAsync(client => client.DeleteAsync(key).AsTask(), "key");
            await RequestTexts.AssertInvalidAsync(client => client.IncrementAsync(key).AsTask(), "key");
            await RequestTexts.AssertInvalidAsync(client => client.ExpireAsync(key, Expiry.Never).AsTask(), "key");
            await RequestTexts.AssertInvalidAsync(client => client.GetManyAsync<int>(["a", key]).AsTask(), "keys");
        }
    }

    [Fact]
    public async Task Key_TooLong_IsMeasuredInUtf8()
    {
        await RequestTexts.AssertInvalidAsync(client => client.GetAsync<int>(new('a', 4_097)).AsTask(), "key", "4097", "4096", "KeyBytesMax");
        await RequestTexts.AssertInvalidAsync(client => client.GetAsync<int>(new('\u00e4', 2_049)).AsTask(), "key", "4098", "4096");
        await RequestTexts.AssertInvalidAsync(client => client.CountAsync(new('\u20ac', 1_366)).AsTask(), "prefix", "4098", "4096");
        foreach (string key in (string[])[new('a', 4_096), new('\u00e4', 2_048), new('\u20ac', 1_365)])
            Assert.Equal($"\"obj\": \"{key}\", \"meta\": true", await RequestTexts.ParametersAsync("GET", (client, stop) => client.GetAsync<int>(key, default, stop).AsTask()));
    }

    [Theory]
    [InlineData(0, '\ud800')]
    [InlineData(1, 'a', '\udc00')]
    [InlineData(0, '\udc00', '\ud800')]
    [InlineData(2, '\ud83d', '\ude00', '\ud83d')]
    [InlineData(0, '\ud83d', '\ud83d', '\ude00')]
    public async Task Key_LoneSurrogate_IsRefusedWithItsIndex(int index, params char[] key) =>
        await RequestTexts.AssertInvalidAsync(client => client.GetAsync<int>(new(key)).AsTask(), "key", "surrogate", $"index {index}");

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("{")]
    [InlineData("1 2")]
    [InlineData("{\"a\": 1}}")]
    [InlineData("[1,]")]
    [InlineData("01")]
    [InlineData("'a'")]
    [InlineData("// a\n1")]
    [InlineData("1}, \"func\": \"DELETE\"")]
    public async Task Json_NotOneValue_IsRefused(string json)
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(json);
        await RequestTexts.AssertInvalidAsync(client => client.PutUtf8Async("k", text).AsTask(), "json", "not valid JSON");
    }

    [Fact]
    public async Task Json_Depth_IsLimited()
    {
        await RequestTexts.AssertInvalidAsync(client => client.PutUtf8Async("k", Nested(1_025)).AsTask(), "json", "1024");
        string parameters = await RequestTexts.ParametersAsync("PUT", (client, stop) => client.PutUtf8Async("k", Nested(1_024), default, stop).AsTask());
        Assert.Contains(new string('[', 1_024), parameters, StringComparison.Ordinal);

        static byte[] Nested(int depth) => [.. Enumerable.Repeat((byte)'[', depth), .. Enumerable.Repeat((byte)']', depth)];
    }

    [Fact]
    public async Task Json_NotUtf8_IsRefused() =>
        await RequestTexts.AssertInvalidAsync(client => client.PutUtf8Async("k", new byte[] { (byte)'"', 0xff, (byte)'"' }).AsTask(), "json", "UTF-8");

    [Fact]
    public async Task Options_OfOtherFunctions_AreRefused()
    {
        await RequestTexts.AssertInvalidAsync(client => client.DeleteAsync("k", new() { Path = "/a" }).AsTask(), "options", "Path", "DELETE");
        await RequestTexts.AssertInvalidAsync(client => client.DeleteAsync("k", new() { Expiry = Expiry.Never }).AsTask(), "options", "Expiry", "DELETE");
        await RequestTexts.AssertInvalidAsync(client => client.IncrementAsync("k", 1, new() { ReturnOld = true }).AsTask(), "options", "ReturnOld", "INCR");
        await RequestTexts.AssertInvalidAsync(client => client.ExpireAsync("k", Expiry.Never, new() { Path = "/a" }).AsTask(), "options", "Path", "EXPIRE");
        await RequestTexts.AssertInvalidAsync(client => client.ExpireAsync("k", Expiry.Default).AsTask(), "expiry", "Default");
        await RequestTexts.AssertInvalidAsync(client => client.PutAsync("k", 1, new() { IfVersion = 1, IfExists = true }).AsTask(), "options", "IfVersion", "IfExists");
        await RequestTexts.AssertInvalidAsync(client => client.PutAsync("k", 1, new() { IfVersion = -1 }).AsTask(), "options", "IfVersion is -1");
        await RequestTexts.AssertInvalidAsync(client => client.CreateBatch().Get("a").CommitAsync(new() { IfExists = true }).AsTask(), "options", "precondition");
        await RequestTexts.AssertInvalidAsync(client => client.CreateBatch().Delete("a", new() { Retry = WriteRetry.AtMostOnce }).CommitAsync().AsTask(), "options", "Retry");
    }

    [Fact]
    public async Task Path_NotAPointer_IsRefused()
    {
        await RequestTexts.AssertInvalidAsync(client => client.GetAsync<int>("k", new() { Path = "a" }).AsTask(), "options", "path is \"a\"", "JSON Pointer");
        await RequestTexts.AssertInvalidAsync(client => client.PutAsync("k", 1, new() { Path = "#/a" }).AsTask(), "options");
    }

    [Fact]
    public async Task Times_NotPositive_AreRefused()
    {
        foreach (TimeSpan time in (TimeSpan[])[TimeSpan.Zero, TimeSpan.FromSeconds(-1)])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Expiry.In(time));
            await RequestTexts.AssertInvalidAsync(client => client.GetAsync<int>("k", new() { Touch = time }).AsTask(), "options");
            await RequestTexts.AssertInvalidAsync(client => client.GetAsync<int>("k", new() { Timeout = time }).AsTask(), "options", $"Timeout is {time}");
        }
    }

    [Fact]
    public async Task Counts_OutOfRange_AreRefused()
    {
        await RequestTexts.AssertInvalidAsync(client => client.GetManyAsync<int>([]).AsTask(), "keys", "0", "1 to 1000");
        await RequestTexts.AssertInvalidAsync(client => client.GetManyAsync<int>([.. Enumerable.Repeat("k", 1_001)]).AsTask(), "keys", "1001", "1 to 1000");
        foreach (ScanOptions options in (ScanOptions[])[new() { PageSize = 0 }, new() { PageSize = 1_001 }, new() { Limit = 0 }])
            await RequestTexts.AssertInvalidAsync(async client => await client.ScanKeysAsync("", options).GetAsyncEnumerator().MoveNextAsync(), "options");
        await RequestTexts.AssertInvalidAsync(async client => await client.ScanTreeAsync("", "").GetAsyncEnumerator().MoveNextAsync(), "delimiter");
    }

    [Fact]
    public async Task Request_LongerThanRequestBytesMax_IsRefused() =>
        await RequestTexts.AssertInvalidAsync(client => client.PutAsync("k", new string('x', 16 * 1024 * 1024)).AsTask(), null, "RequestBytesMax", "16777216");

    [Fact]
    public async Task Watch_InvalidArguments_AreRefused()
    {
        await RequestTexts.AssertInvalidAsync(client => Task.Run(() => client.WatchAsync<int>("", new() { FromVersion = -1 })), "options", "-1");
        await RequestTexts.AssertInvalidAsync(client => Task.Run(() => client.WatchAsync<int>("\ud800")), "prefix");
        await RequestTexts.AssertInvalidAsync(
            async client => await client.SnapshotThenWatchAsync<int>("", new() { FromVersion = 1 }).GetAsyncEnumerator().MoveNextAsync(), "options", "FromVersion");
    }
}
