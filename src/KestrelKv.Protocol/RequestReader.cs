using System.Text.Json;
using KestrelKv.Json;

namespace KestrelKv.Protocol;

/// <summary>Parses the less common parameters of requests.</summary>
internal static class RequestReader
{
    private const int ElementsMax = 1_000;

    /// <summary>The minimum <c>ttl</c> in seconds: any positive time.</summary>
    private const decimal TimeMin = 0.000_000_001m;

    /// <summary>The beginning of the year 1, as Unix time in seconds.</summary>
    private const decimal UnixTimeMin = -62_135_596_800m;

    /// <summary>The end of the year 9999, as Unix time in seconds.</summary>
    private const decimal TimeMax = 253_402_300_799.999m;

    /// <summary>Adds parameters, all known to the function, to a request with <c>obj</c>, <c>val</c> and <c>ack</c>.</summary>
    public static Request Complete(in Request plain, GivenParameters given, RequestLimits limits)
    {
        given.CheckTypes();
        CheckTogether(plain.Function, given);
        Request request = given.Error is not null ? default : plain with
        {
            ValueSlice = Value(plain, given),
            Options = Options(plain, given, limits),
        };
        return given.Error is { } error ? plain.Refused(error) : request;
    }

    private static void CheckTogether(Function function, GivenParameters given)
    {
        if (function == Function.Patch) given.CheckExactlyOne(Parameter.Merge, Parameter.Patch);
        if (function == Function.Expire) given.CheckExactlyOne(Parameter.Ttl, Parameter.ExpiresAt);
        given.CheckNotBoth(Parameter.Ttl, Parameter.ExpiresAt);
        given.CheckNotBoth(Parameter.IfVersion, Parameter.IfExists);
        given.CheckWith(Parameter.RequestSeq, Parameter.RequestId);
        if (!given.IsTrue(Parameter.CountOnly)) return;
        given.CheckNotBoth(Parameter.CountOnly, Parameter.Values);
        given.CheckNotBoth(Parameter.CountOnly, Parameter.Meta);
        given.CheckNotBoth(Parameter.CountOnly, Parameter.Delimiter);
    }

    private static JsonSlice Value(in Request plain, GivenParameters given) => plain.Function switch
    {
        Function.Patch => given[given.Has(Parameter.Patch) ? Parameter.Patch : Parameter.Merge].Slice,
        Function.Incr when given.Has(Parameter.By) => given[Parameter.By].Slice,
        _ => plain.ValueSlice,
    };

    private static RequestOptions Options(in Request plain, GivenParameters given, RequestLimits limits) => new()
    {
        Path = given.Characters(Parameter.Path),
        HasPath = given.Has(Parameter.Path),
        Meta = given.IsTrue(Parameter.Meta),
        ReturnsOld = given.IsTrue(Parameter.ReturnOld),
        Expiry = Expiry(given),
        Touch = Touch(given),
        IfVersion = given.Integer(Parameter.IfVersion, 0, long.MaxValue),
        IfExists = given.Boolean(Parameter.IfExists),
        RequestId = ShortText(Parameter.RequestId, RequestLimits.RequestIdBytesMax, given),
        RequestSequence = given.Integer(Parameter.RequestSeq, 1, RequestLimits.RequestSequenceMax) ?? 0,
        IsJsonPatch = given.Has(Parameter.Patch),
        Operations = plain.Function switch
        {
            Function.Mget => Keys(plain, given, limits),
            Function.Batch => Operations(plain, given, limits),
            _ => [],
        },
        Prefix = Key(Parameter.Prefix, given, limits),
        After = Key(Parameter.After, given, limits),
        Until = Key(Parameter.Until, given, limits),
        Delimiter = ShortText(Parameter.Delimiter, RequestLimits.DelimiterBytesMax, given),
        Limit = Limit(given),
        Descending = given.IsTrue(Parameter.Descending),
        Values = given.IsTrue(Parameter.Values),
        CountOnly = given.IsTrue(Parameter.CountOnly),
        FromVersion = given.Integer(Parameter.FromVersion, 1, long.MaxValue) ?? 0,
        BookmarkInterval = BookmarkInterval(given),
        Watch = given.Integer(Parameter.Watch, 1, long.MaxValue) ?? 0,
        User = given.Characters(Parameter.User),
        Secret = given.Characters(Parameter.Secret),
    };

    private static TimeSpan BookmarkInterval(GivenParameters given)
    {
        long? milliseconds = given.Milliseconds(
            Parameter.BookmarkInterval, RequestLimits.BookmarkSecondsMin, RequestLimits.BookmarkSecondsMax);
        return TimeSpan.FromMilliseconds(milliseconds ?? (long)(RequestLimits.BookmarkSecondsDefault * 1_000));
    }

    private static Expiry Expiry(GivenParameters given)
    {
        Parameter parameter = given.Has(Parameter.Ttl) ? Parameter.Ttl : Parameter.ExpiresAt;
        if (!given.Has(parameter)) return default;
        bool isTtl = parameter == Parameter.Ttl;
        return given.Milliseconds(parameter, isTtl ? TimeMin : UnixTimeMin, TimeMax) is { } milliseconds
            // 0 means no expiry. Times up to 1970 become the first millisecond after it, which is also past.
            ? new(isTtl ? ExpiryKind.After : ExpiryKind.At, Math.Max(1, milliseconds))
            : new(ExpiryKind.Never);
    }

    private static long Touch(GivenParameters given) => given.Milliseconds(Parameter.Touch, TimeMin, TimeMax) ?? 0;

    /// <summary>Returns a string of 1 to <paramref name="bytesMax"/> bytes; empty if it is not given.</summary>
    private static ReadOnlyMemory<byte> ShortText(Parameter parameter, int bytesMax, GivenParameters given)
    {
        ReadOnlyMemory<byte> text = given.Characters(parameter);
        if (given.Error is null && given.Has(parameter) && (text.IsEmpty || text.Length > bytesMax))
            given.Refuse(Functions.Parameter(parameter).Refuse(ErrorCode.InvalidValue, $"has {text.Length} bytes"));
        return text;
    }

    private static ReadOnlyMemory<byte> Key(Parameter parameter, GivenParameters given, RequestLimits limits)
    {
        ReadOnlyMemory<byte> key = given.Characters(parameter);
        if (key.Length > 0 && KeyRules.Check(key.Length, limits) is { } error)
            given.Refuse(error with { Message = $"\"{Functions.Parameter(parameter).Name}\": {error.Message}" });
        return key;
    }

    private static int Limit(GivenParameters given)
    {
        bool counts = given.IsTrue(Parameter.CountOnly);
        long limit = given.Integer(Parameter.Limit, 1, counts ? long.MaxValue : RequestLimits.PageEntriesMax)
            ?? (counts ? int.MaxValue : RequestLimits.PageEntriesDefault);
        return (int)Math.Min(limit, int.MaxValue);
    }

    private static Request[] Keys(in Request plain, GivenParameters given, RequestLimits limits)
    {
        // Each response has "found", like that of a GET with a path, even for the whole value.
        var options = new RequestOptions
        {
            Path = given.Characters(Parameter.Path),
            HasPath = true,
            Meta = given.IsTrue(Parameter.Meta),
            Touch = Touch(given),
        };

        List<Request> keys = [];
        ReadOnlyMemory<byte> text = given.Text(Parameter.Objs);
        var reader = new Utf8JsonReader(text.Span, JsonText.ReaderOptions(limits.JsonDepthMax));
        reader.Read();
        while (given.Error is null && reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var token = new JsonToken(ref reader);
            if (IsOneTooMany(Parameters.Objs, keys.Count, given)) break;
            byte[]? unescaped = ReadKey(token, text, keys.Count, given, limits);
            if (given.Error is not null) break;
            keys.Add(new Request
            {
                Function = Function.Get,
                AcknowledgeFromMemory = plain.AcknowledgeFromMemory,
                Body = text,
                NameSlice = token.Slice,
                KeySlice = token.Inside,
                UnescapedKey = unescaped,
                Options = options,
            });
        }
        if (keys.Count == 0) given.Refuse(Parameters.Objs.Refuse(ErrorCode.InvalidValue, "is empty"));
        return [.. keys];
    }

    /// <summary>Returns the unescaped key; null if the key has no escapes or is not a string.</summary>
    private static byte[]? ReadKey(
        in JsonToken token, ReadOnlyMemory<byte> text, int index, GivenParameters given, RequestLimits limits)
    {
        if (!token.IsString)
        {
            given.Refuse(ErrorCode.WrongType, $"\"objs\"[{index}] is {token.TypeName}, expected a string (a key)");
            return null;
        }

        if (KeyRules.Read(token, text, limits, out byte[]? unescaped) is { } error)
            given.Refuse(error with { Message = $"\"objs\"[{index}]: {error.Message}" });
        return unescaped;
    }

    private static Request[] Operations(in Request plain, GivenParameters given, RequestLimits limits)
    {
        List<Request> operations = [];
        ReadOnlyMemory<byte> text = given.Text(Parameter.Ops);

        // The text is valid JSON whose depth was checked.
        for (int at = SkipWhiteSpace(text.Span, 1); given.Error is null && text.Span[at] != (byte)']';)
        {
            if (IsOneTooMany(Parameters.Ops, operations.Count, given)) break;
            int end = EndOfValue(text.Span, at);
            Request operation = RequestParser.ParseOperation(text[at..end], limits);
            if (operation.Error is { } error) given.Refuse(error with { Index = operations.Count });
            operation.AcknowledgeFromMemory = plain.AcknowledgeFromMemory;
            operations.Add(operation);
            at = SkipWhiteSpace(text.Span, end);
            if (text.Span[at] == (byte)',') at = SkipWhiteSpace(text.Span, at + 1);
        }
        if (operations.Count == 0) given.Refuse(Parameters.Ops.Refuse(ErrorCode.InvalidValue, "is empty"));
        return [.. operations];
    }

    private static int SkipWhiteSpace(ReadOnlySpan<byte> text, int at) => at + text[at..].IndexOfAnyExcept(" \n\r\t"u8);

    /// <summary>Returns the end of a value in valid JSON text.</summary>
    private static int EndOfValue(ReadOnlySpan<byte> text, int at)
    {
        if (text.Length >= JsonSkipper.TextBytesMin && new JsonSkipper(text, JsonSkipper.NestingMax).SkipValue(at) is > 0 and int end) return end;
        var reader = new Utf8JsonReader(text[at..], JsonText.ReaderOptions(int.MaxValue));
        reader.Read();
        reader.Skip();
        return at + (int)reader.BytesConsumed;
    }

    private static bool IsOneTooMany(ParameterInfo parameter, int count, GivenParameters given)
    {
        if (count < ElementsMax) return false;
        given.Refuse(parameter.Refuse(ErrorCode.InvalidValue, $"has more than {ElementsMax} elements"));
        return true;
    }
}
