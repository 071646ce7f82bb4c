using System.Globalization;
using KestrelKv.Protocol;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace KestrelKv.Server.Admin;

/// <summary>
/// The preconditions of a request: <c>If-Match</c> and <c>If-None-Match</c> (RFC 9110, section 13). The entity tag of an entry is
/// its version in quotes.
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

    /// <summary>Whether the request has any precondition.</summary>
    public bool Any => _ifMatch is not null || _ifNoneMatch is not null;

    /// <summary>The error for a header that cannot be parsed.</summary>
    public static ProtocolError Unreadable { get; } = new(
        ErrorCode.InvalidHeader, "If-Match or If-None-Match cannot be parsed, expected * or quoted versions such as \"5\"");

    /// <summary>Returns the entity tag of a version.</summary>
    public static string ETag(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <summary>Reads the headers. Returns false if one cannot be parsed: the request must then fail, not run unconditionally.</summary>
    public static bool TryRead(HttpRequest request, out Conditions conditions)
    {
        bool readable = TryRead(request.Headers.IfMatch, out var ifMatch);
        readable &= TryRead(request.Headers.IfNoneMatch, out var ifNoneMatch);
        conditions = new(ifMatch, ifNoneMatch);
        return readable;
    }

    /// <summary>Returns 412 or 304 if a precondition of a read does not hold for an entry with this version; otherwise null.</summary>
    public IResult? AnswerToRead(long version) =>
        !IfMatchHolds(version) ? Problems.Of(ProtocolError.PreconditionFailed(version)) :
        !IfNoneMatchHolds(version) ? Results.StatusCode(StatusCodes.Status304NotModified) : null;

    /// <summary>Adds the headers to a write as a single precondition. Returns false if one precondition cannot express them.</summary>
    public bool TryAdd(FunctionInfo function, RequestText text)
    {
        if (!Any) return true;
        if (_ifMatch is not null && _ifNoneMatch is not null) return false;
        if (_ifNoneMatch is not null) return IsAny(_ifNoneMatch) && Add(exists: false);
        if (IsAny(_ifMatch!)) return Add(exists: true);

        // A weak tag, or one that is not a version, matches no entry. The caller's loop over versions detects this.
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

    /// <summary>Whether the preconditions allow a write to an entry with this version; 0 if the entry does not exist.</summary>
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
