using System.Text;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

/// <summary>Valid and invalid values of every parameter of every function.</summary>
public sealed class ParameterTests
{
    /// <summary>A valid value of each parameter.</summary>
    private static readonly Dictionary<string, string> Valid = new()
    {
        ["obj"] = "\"k\"", ["val"] = "1", ["ack"] = "\"memory\"", ["path"] = "\"/a\"", ["meta"] = "true", ["ttl"] = "1.5",
        ["expires_at"] = "1790000000", ["if_version"] = "3", ["if_exists"] = "true", ["return_old"] = "true", ["request_id"] = "\"r\"",
        ["request_seq"] = "7",
        ["merge"] = "{}", ["patch"] = "[]", ["by"] = "2", ["objs"] = "[\"a\"]", ["ops"] = """[{"func": "GET", "params": {"obj": "a"}}]""",
        ["prefix"] = "\"p\"", ["after"] = "\"a\"", ["until"] = "\"u\"", ["limit"] = "5", ["descending"] = "true", ["values"] = "true",
        ["count_only"] = "false", ["from_version"] = "4", ["bookmark_interval"] = "0.5", ["watch"] = "1", ["user"] = "\"u\"", ["secret"] = "\"s\"",
        ["touch"] = "60", ["delimiter"] = "\"/\"",
    };

    private static readonly string[] Alternatives = ["ttl", "if_version", "merge"];

    public static TheoryData<string, string> FunctionsAndParameters()
    {
        TheoryData<string, string> all = [];
        foreach (FunctionInfo function in Functions.All)
            foreach (ParameterInfo parameter in function.RequiredParameters.Concat(function.OptionalParameters))
                all.Add(function.Name, parameter.Name);
        return all;
    }

    [Fact]
    public void Parse_EachFunctionWithAllParameters_IsAccepted()
    {
        foreach (FunctionInfo function in Functions.All)
        {
            Request request = Parse(Body(function, Given(function).Where(name => name is not ("expires_at" or "if_exists" or "patch"))));
            Assert.Equal((function.Function, null), (request.Function, request.Error));
            Request minimal = Parse(Body(function, Minimal(function)));
            Assert.Equal((function.Function, null), (minimal.Function, minimal.Error));
        }
    }

    [Theory]
    [MemberData(nameof(FunctionsAndParameters))]
    public void Parse_WrongType_IsRefused(string name, string parameter)
    {
        FunctionInfo function = Find(name);
        if (parameter is "val" or "merge") return;
        string wrong = parameter is "meta" or "if_exists" or "return_old" or "descending" or "values" or "count_only" ? "0" : "false";
        Request request = Parse(Body(function, Minimal(function).Append(parameter).Distinct(), parameter, wrong));
        AssertRefused(request, ErrorCode.WrongType, $"\"{parameter}\" is a ");
    }

    [Theory]
    [MemberData(nameof(FunctionsAndParameters))]
    public void Parse_DuplicateParameter_IsRefused(string name, string parameter)
    {
        FunctionInfo function = Find(name);
        Request request = Parse(Body(function, Minimal(function).Where(p => p != parameter).Append(parameter).Append(parameter)));
        AssertRefused(request, ErrorCode.DuplicateParameter, $"\"{parameter}\" is given twice");
    }

    [Fact]
    public void Parse_ParameterOfOtherFunction_IsRefusedWithExpectedOnes()
    {
        foreach (FunctionInfo function in Functions.All)
        {
            foreach (string foreign in Valid.Keys.Except(Given(function)))
                AssertRefused(Parse(Body(function, Minimal(function).Append(foreign))), ErrorCode.UnknownParameter,
                    $"unknown parameter \"{foreign}\" of {function.Name}, expected ");
        }
        AssertRefused(
            Parse("""{"func": "SCAN", "params": {"x": 1}}"""), ErrorCode.UnknownParameter,
            "expected none, or any of \"prefix\", \"after\"");
        AssertRefused(Parse("""{"func": "PING", "params": {"x": 1}}"""), ErrorCode.UnknownParameter, "\"x\" of PING, expected none");
        AssertRefused(
            Parse("""{"func": "UNWATCH", "params": {"x": 1}}"""), ErrorCode.UnknownParameter, "\"x\" of UNWATCH, expected \"watch\"");
        AssertRefused(Parse("""{"func": "DELETE", "params": {"x": 1}}"""), ErrorCode.UnknownParameter,
            "expected \"obj\" and optionally \"if_version\", \"if_exists\", \"return_old\", \"ack\", \"request_id\", \"request_seq\"");
    }

    [Fact]
    public void Parse_MissingParameter_IsRefused()
    {
        foreach (FunctionInfo function in Functions.All)
        {
            foreach (ParameterInfo parameter in function.RequiredParameters)
                AssertRefused(
                    Parse(Body(function, Minimal(function).Where(name => name != parameter.Name))), ErrorCode.MissingParameter,
                    $"\"{parameter.Name}\" is missing");
        }
        AssertRefused(
            Parse("""{"func": "PATCH", "params": {"obj": "k"}}"""), ErrorCode.MissingParameter, "\"merge\" or \"patch\" is missing");
        AssertRefused(
            Parse("""{"func": "EXPIRE", "params": {"obj": "k"}}"""), ErrorCode.MissingParameter, "\"ttl\" or \"expires_at\" is missing");
    }

    [Theory]
    [InlineData("PUT", "ttl", "expires_at")]
    [InlineData("PUT", "if_version", "if_exists")]
    [InlineData("PATCH", "merge", "patch")]
    [InlineData("EXPIRE", "ttl", "expires_at")]
    public void Parse_ExclusiveParameters_AreRefused(string name, string one, string other)
    {
        FunctionInfo function = Find(name);
        AssertRefused(
            Parse(Body(function, Minimal(function).Except([one]).Append(one).Append(other))), ErrorCode.InvalidValue,
            $"\"{one}\" and \"{other}\" are both given");
    }

    [Theory]
    [InlineData("values")]
    [InlineData("meta")]
    [InlineData("delimiter")]
    public void Parse_CountOnlyWithEntryOptions_IsRefused(string other) => AssertRefused(
        Parse($$$"""{"func": "SCAN", "params": {"count_only": true, "{{{other}}}": {{{Valid[other]}}}}}"""), ErrorCode.InvalidValue,
        $"\"count_only\" and \"{other}\"");

    [Theory]
    [InlineData("PUT", "ttl", "0")]
    [InlineData("PUT", "ttl", "-1")]
    [InlineData("PUT", "ttl", "1e400")]
    [InlineData("PUT", "ttl", "253402300800")]
    [InlineData("GET", "touch", "0")]
    [InlineData("GET", "touch", "-0.5")]
    [InlineData("MGET", "touch", "1e400")]
    [InlineData("MGET", "touch", "253402300800")]
    [InlineData("PUT", "expires_at", "-62135596800.001")]
    [InlineData("PUT", "expires_at", "253402300800")]
    [InlineData("PUT", "if_version", "-1")]
    [InlineData("PUT", "if_version", "1.0")]
    [InlineData("PUT", "if_version", "9223372036854775808")]
    [InlineData("PUT", "request_id", "\"\"")]
    [InlineData("PUT", "request_id", "\"\\ud800\"")]
    [InlineData("PUT", "path", "\"\\udc00\"")]
    [InlineData("PUT", "ack", "\"disk\"")]
    [InlineData("MGET", "objs", "[]")]
    [InlineData("BATCH", "ops", "[]")]
    [InlineData("SCAN", "limit", "0")]
    [InlineData("SCAN", "delimiter", "\"\"")]
    [InlineData("SCAN", "delimiter", "\"01234567890123456\"")]
    [InlineData("SCAN", "delimiter", "\"éééééééé \"")]
    [InlineData("SCAN", "delimiter", "\"\\ud800\"")]
    [InlineData("SCAN", "limit", "1001")]
    [InlineData("SCAN", "prefix", "\"\\ud800\"")]
    [InlineData("WATCH", "from_version", "0")]
    [InlineData("WATCH", "bookmark_interval", "0.099")]
    [InlineData("WATCH", "bookmark_interval", "3600.001")]
    [InlineData("UNWATCH", "watch", "0")]
    public void Parse_ValueOutOfRange_IsRefusedByName(string name, string parameter, string value)
    {
        FunctionInfo function = Find(name);
        Request request = Parse(Body(function, Minimal(function).Append(parameter).Distinct(), parameter, value));
        AssertRefused(request, ErrorCode.InvalidValue, $"\"{parameter}\" ");
    }

    [Theory]
    [InlineData("1", 1_000)]
    [InlineData("0.0001", 1)]
    [InlineData("1.0001", 1_001)]
    [InlineData("2.5e-1", 250)]
    public void Parse_Ttl_IsRoundedUpToMilliseconds(string ttl, long milliseconds) => Assert.Equal(
        new Expiry(ExpiryKind.After, milliseconds),
        Parse($$$"""{"func": "EXPIRE", "params": {"obj": "k", "ttl": {{{ttl}}}}}""").Options!.Expiry);

    [Theory]
    [InlineData("1", 1_000)]
    [InlineData("0.0001", 1)]
    [InlineData("2.5e-1", 250)]
    public void Parse_Touch_IsRoundedUpToMilliseconds(string touch, long milliseconds)
    {
        Assert.Equal(milliseconds, Parse($$$"""{"func": "GET", "params": {"obj": "k", "touch": {{{touch}}}}}""").Options!.Touch);
        RequestOptions many = Parse($$$"""{"func": "MGET", "params": {"objs": ["a", "b"], "touch": {{{touch}}}}}""").Options!;
        Assert.All(many.Operations, get => Assert.Equal(milliseconds, get.Options!.Touch));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("éééééééé")]
    [InlineData("0123456789abcdef")]
    public void Parse_Delimiter_HasUpTo16Bytes(string delimiter) => Assert.Equal(
        delimiter, Encoding.UTF8.GetString(
            Parse($$$"""{"func": "SCAN", "params": {"delimiter": "{{{delimiter}}}"}}""").Options!.Delimiter.Span));

    [Fact]
    public void Parse_TouchNull_IsRefused() => AssertRefused(
        Parse("""{"func": "GET", "params": {"obj": "k", "touch": null}}"""), ErrorCode.WrongType,
        "\"touch\" is null, expected a positive number of seconds");

    [Theory]
    [InlineData("1790000000.123", 1_790_000_000_123)]
    [InlineData("0", 1)]
    [InlineData("253402300799.999", 253_402_300_799_999)]
    public void Parse_ExpiresAt_IsInMilliseconds(string at, long milliseconds) => Assert.Equal(
        new Expiry(ExpiryKind.At, milliseconds),
        Parse($$$"""{"func": "EXPIRE", "params": {"obj": "k", "expires_at": {{{at}}}}}""").Options!.Expiry);

    [Fact]
    public void Parse_RequestId_AllowsUpTo128Bytes()
    {
        Assert.Equal(128, Parse(WithId(new string('é', 64))).RequestId.Length);
        AssertRefused(Parse(WithId(new string('é', 64) + "x")), ErrorCode.InvalidValue, "\"request_id\" has 129 bytes");

        static string WithId(string id) => $$$"""{"func": "DELETE", "params": {"obj": "k", "request_id": "{{{id}}}"}}""";
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("9007199254740992", 1L << 53)]
    public void Parse_RequestSeq_IsRead(string number, long sequence) => Assert.Equal(sequence, WithSequence(number).RequestSequence);

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1.0")]
    [InlineData("1e3")]
    [InlineData("9007199254740993")]
    public void Parse_RequestSeqOutOfRange_IsRefused(string number) => AssertRefused(
        WithSequence(number), ErrorCode.InvalidValue, $"\"request_seq\" is {number}, expected an integer from 1 to 9007199254740992");

    [Theory]
    [InlineData("DELETE", "\"obj\": \"k\"")]
    [InlineData("BATCH", "\"ops\": [{\"func\": \"GET\", \"params\": {\"obj\": \"k\"}}]")]
    public void Parse_RequestSeqWithoutRequestId_IsRefused(string function, string parameters) => AssertRefused(
        Parse($$$"""{"func": "{{{function}}}", "params": {{{{parameters}}}, "request_seq": 1}}"""), ErrorCode.MissingParameter,
        "\"request_id\" is missing, expected because \"request_seq\" is given");

    private static Request WithSequence(string number) =>
        Parse($$$"""{"func": "DELETE", "params": {"obj": "k", "request_id": "r", "request_seq": {{{number}}}}}""");

    [Fact]
    public void Parse_PlainRequest_HasNoOptions()
    {
        foreach (string body in (string[])[
            """{"func": "GET", "params": {"obj": "k"}}""", """{"func": "PUT", "params": {"obj": "k", "val": 1, "ack": "memory"}}""",
            """{"func": "DELETE", "params": {"obj": "k"}, "id": 5}""", """{"func": "INCR", "params": {"obj": "k"}}"""])
        {
            Assert.Null(Parse(body).Options);
        }
    }

    private static FunctionInfo Find(string name) => Functions.All.Single(function => function.Name == name);

    private static IEnumerable<string> Given(FunctionInfo function) =>
        function.RequiredParameters.Concat(function.OptionalParameters).Select(p => p.Name);

    /// <summary>Returns the required parameters of a function, and one of each required alternative.</summary>
    private static IEnumerable<string> Minimal(FunctionInfo function) => function.RequiredParameters.Select(p => p.Name).Concat(
        function.Function switch
        {
            Function.Patch => Alternatives[2..],
            Function.Expire => Alternatives[..1],
            _ => [],
        });

    private static string Body(FunctionInfo function, IEnumerable<string> parameters, string changed = "", string value = "") =>
        $"{{\"func\": \"{function.Name}\", \"params\": {{{string.Join(", ", parameters.Select(name => $"\"{name}\": {(name == changed ? value : Valid[name])}"))}}}}}";
}
