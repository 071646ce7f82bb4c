using System.Globalization;
using KestrelKv.Protocol;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace KestrelKv.Server.Admin;

/// <summary>
/// The preconditions of a request: <c>If-Match</c> and <c>If-None-Match</c>, RFC 9110, section 13. An entity tag is the
/// version in quotes.
/// </summary>
internal readonly struct Conditions
{
    private readonly IList<EntityTagHeaderValue>? _ifMatch;
    private readonly IList<EntityTagHeaderValue>? _ifNoneMatch;

    private Conditions(IList<EntityTagHeaderValue>? ifMatch, IList<EntityTagHeaderValue>? ifNoneMatch)
    {
        _ifMatch = ifMatch;
        _ifNoneMatch = ifNoneMatch;
    }

    /// <summary>Whether there are any.</summary>
    public bool Any => _ifMatch is not null || _ifNoneMatch is not null;

    /// <summary>The error if a header can't be read.</summary>
    public static ProtocolError Unreadable { get; } = new(
        ErrorCode.InvalidHeader, "If-Match or If-None-Match can't be read, expected *, or versions in quotes such as \"5\"");

    /// <summary>The entity tag of a version.</summary>
    public static string ETag(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <summary>False where a header is there but can't be read: it must not become no condition at all.</summary>
    public static bool TryRead(HttpRequest request, out Conditions conditions)
    {
        bool readable = TryRead(request.Headers.IfMatch, out var ifMatch);
        readable &= TryRead(request.Headers.IfNoneMatch, out var ifNoneMatch);
        conditions = new(ifMatch, ifNoneMatch);
        return readable;
    }

    /// <summary>The answer to a read of an entry of this version if they do not hold: 412 or 304.</summary>
    public IResult? AnswerToRead(long version) =>
        !IfMatchHolds(version) ? Problems.Of(ProtocolError.PreconditionFailed(version)) :
        !IfNoneMatchHolds(version) ? Results.StatusCode(StatusCodes.Status304NotModified) : null;

    /// <summary>Adds them to a write as the one precondition that they amount to; false if one is not enough.</summary>
    public bool TryAdd(FunctionInfo function, RequestText text)
    {
        if (!Any) return true;
        if (_ifMatch is not null && _ifNoneMatch is not null) return false;
        if (_ifNoneMatch is not null) return IsAny(_ifNoneMatch) && Add(exists: false);
        if (IsAny(_ifMatch!)) return Add(exists: true);

        // A tag that is no version, or weak, matches no entry; the loop over versions finds that.
        if (_ifMatch is not [{ IsWeak: false } tag]) return false;
        ReadOnlySpan<char> number = tag.Tag.AsSpan()[1..^1];
        if (!long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long version)) return false;
        if (version == 0 || !tag.Tag.Equals(ETag(version), StringComparison.Ordinal)) return false;
        text.AddText(function.Parameter("if_version"), version.ToString(CultureInfo.InvariantCulture));
        return true;

        static bool IsAny(IList<EntityTagHeaderValue> tags) => tags is [var only] && only.Equals(EntityTagHeaderValue.Any);

        bool Add(bool exists)
        {
            text.AddText(function.Parameter("if_exists"), exists ? "true" : "false");
            return true;
        }
    }

    /// <summary>Whether a write is to be done on an entry of this version, 0 for none.</summary>
    public bool AllowWrite(long version) => IfMatchHolds(version) && IfNoneMatchHolds(version);

    private bool IfMatchHolds(long version) => _ifMatch is null || Matches(_ifMatch, version, strong: true);

    private bool IfNoneMatchHolds(long version) => _ifNoneMatch is null || !Matches(_ifNoneMatch, version, strong: false);

    private static bool TryRead(StringValues header, out IList<EntityTagHeaderValue>? tags)
    {
        tags = null;
        return header.Count == 0 || EntityTagHeaderValue.TryParseStrictList(header!, out tags);
    }

    private static bool Matches(IList<EntityTagHeaderValue> tags, long version, bool strong)
    {
        if (version == 0) return false;
        var own = new EntityTagHeaderValue(ETag(version));
        return tags.Any(tag => tag.Equals(EntityTagHeaderValue.Any) || tag.Compare(own, strong));
    }
}
