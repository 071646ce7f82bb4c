namespace KestrelKv.Client.Tests.Options;

public sealed class ConnectionStringTests
{
    [Fact]
    public void Parse_Url_SetsEachPart()
    {
        KestrelKvClientOptions options = KestrelKvClientOptions.Parse("kestrelkvs://ad%40a:s%3Ac%2Fr%25:et@db.example:5555?timeout=2.5&retry=AtMostOnce&CallsMax=7");
        Assert.Equal(("db.example", 5555, "ad@a", "s:c/r%:et", true), (options.Host, options.Port, options.User, options.Secret, options.Tls));
        Assert.Equal((TimeSpan.FromSeconds(2.5), WriteRetry.AtMostOnce, 7), (options.Timeout, options.Retry, options.CallsMax));
    }

    [Theory]
    [InlineData("kestrelkv://h", "h", null, false)]
    [InlineData("kestrelkv://h/", "h", null, false)]
    [InlineData("kestrelkv://h:1", "h", 1, false)]
    [InlineData("kestrelkvs://10.0.0.1:65535/", "10.0.0.1", 65535, true)]
    [InlineData("Host=h", "h", null, false)]
    [InlineData(" host = h ; PORT=12;tls=True; ", "h", 12, true)]
    public void Parse_ValidForms(string text, string host, int? port, bool tls)
    {
        KestrelKvClientOptions options = KestrelKvClientOptions.Parse(text);
        Assert.Equal((host, port, tls), (options.Host, options.Port, options.Tls));
    }

    [Fact]
    public void Parse_Pairs_ValueMayContainEqualsAndUrl()
    {
        KestrelKvClientOptions options = KestrelKvClientOptions.Parse("Host=h;User=ada;Secret=a=b://c==");
        Assert.Equal(("ada", "a=b://c=="), (options.User, options.Secret));
    }

    [Theory]
    [InlineData("Host=h;User=ada;Secret=one;canary=three")]
    [InlineData("Host=h;User=ada;Secret=one;tls=canary")]
    [InlineData("Host=h;User=ada;Secret=one;port=canary")]
    [InlineData("kestrelkv://ada:12?Port=canary@db")]
    [InlineData("kestrelkv://ada:12?canary=x@db")]
    [InlineData("kestrelkv://ada:12#canary@db")]
    public void Parse_SecretWithADelimiter_MessageHasNoPartOfIt(string text) => Assert.DoesNotContain(
        "canary", Assert.Throws<ArgumentException>(() => KestrelKvClientOptions.Parse(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("00:00:07", 7)]
    [InlineData("7", 7)]
    [InlineData("0.25", 0.25)]
    [InlineData("86400", 86400)]
    public void Parse_Times(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), KestrelKvClientOptions.Parse($"Timeout={text}").Timeout);

    [Theory]
    [InlineData("", "connectionString")]
    [InlineData("localhost", "name=value")]
    [InlineData("=x", "name=value")]
    [InlineData("http://h", "kestrelkv or kestrelkvs")]
    [InlineData("kestrelkv://h/path", "path")]
    [InlineData("kestrelkv://h:99999", "valid URL")]
    [InlineData("kestrelkv://h?nope=1", "nope")]
    [InlineData("kestrelkv://h?timeout", "name=value")]
    [InlineData("Nope=1", "Nope")]
    [InlineData("Port=x", "an integer")]
    [InlineData("Port=-1", "an integer")]
    [InlineData("Port=0", "1 to 65535")]
    [InlineData("Tls=yes", "true or false")]
    [InlineData("Timeout=soon", "a number of seconds")]
    [InlineData("Timeout=-1", "Timeout")]
    [InlineData("Retry=Sometimes", "Retry")]
    [InlineData("User=ada", "Secret")]
    [InlineData("Secret=x", "User")]
    public void Parse_Invalid_NamesThePart(string text, string part) =>
        Assert.Contains(part, Assert.ThrowsAny<ArgumentException>(() => KestrelKvClientOptions.Parse(text)).ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData("kestrelkv://ada:hunter2@h/path")]
    [InlineData("kestrelkv://ada:hunter2@h:99999")]
    [InlineData("http://ada:hunter2@h")]
    [InlineData("kestrelkv://ada:hunter2@h?nope=1")]
    [InlineData("kestrelkv://ada:hunter2@h?timeout=x")]
    [InlineData("Host=h;User=ada;Secret=hunter2;Port=x")]
    [InlineData("Host=h;User=ada;Secret=hunter2;Nope=1")]
    [InlineData("Host=h;Secret=hunter2")]
    [InlineData("Host=h;User=ada;Secret=hunter2;hunter2")]
    public void Parse_Invalid_MessageHasNoSecret(string text) =>
        Assert.DoesNotContain("hunter2", Assert.ThrowsAny<ArgumentException>(() => KestrelKvClientOptions.Parse(text)).ToString(), StringComparison.Ordinal);

    [Fact]
    public void Apply_SeveralSources_ComplementEachOther()
    {
        var options = new KestrelKvClientOptions();
        options.Apply("kestrelkv://h:1");
        options.Apply("User=ada;Secret=s");
        options.Set("calLSmax", "3");
        options.Validate();
        Assert.Equal(("h", 1, "ada", 3), (options.Host, options.Port, options.User, options.CallsMax));
    }

    [Fact]
    public void Validate_EachOptionOutOfRange_NamesTheOption()
    {
        (string Name, Action<KestrelKvClientOptions> Set)[] cases =
        [
            ("Host", o => o.Host = " "), ("Port", o => o.Port = 65_536), ("ConnectTimeout", o => o.ConnectTimeout = TimeSpan.FromMilliseconds(9)),
            ("Timeout", o => o.Timeout = TimeSpan.Zero), ("StallTimeout", o => o.StallTimeout = TimeSpan.FromMilliseconds(99)),
            ("ReconnectDelayMax", o => o.ReconnectDelayMax = TimeSpan.Zero), ("RetryTime", o => o.RetryTime = TimeSpan.FromMinutes(4.1)),
            ("ProgressInterval", o => o.ProgressInterval = TimeSpan.FromHours(2)), ("Retry", o => o.Retry = (WriteRetry)9),
            ("CallsMax", o => o.CallsMax = 0), ("QueuedBytesMax", o => o.QueuedBytesMax = 0), ("RequestBytesMax", o => o.RequestBytesMax = 1_023),
            ("ReplyBytesMax", o => o.ReplyBytesMax = 1_023), ("KeyBytesMax", o => o.KeyBytesMax = 65_537), ("Tls", o => o.TlsAuthority = "x"),
        ];
        Assert.All(cases, invalid =>
        {
            var options = new KestrelKvClientOptions();
            invalid.Set(options);
            Assert.Contains(invalid.Name, Assert.ThrowsAny<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
            Assert.ThrowsAny<ArgumentException>(() => new KestrelKvClient(options));
        });
        new KestrelKvClientOptions { Timeout = Timeout.InfiniteTimeSpan }.Validate();
    }
}
