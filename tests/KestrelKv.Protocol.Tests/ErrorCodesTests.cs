namespace KestrelKv.Protocol.Tests;

public sealed class ErrorCodesTests
{
    private static readonly ErrorCode[] All = Enum.GetValues<ErrorCode>();

    [Theory]
    [InlineData(ErrorCode.None, "none")]
    [InlineData(ErrorCode.InvalidJson, "invalid_json")]
    [InlineData(ErrorCode.InvalidUtf8, "invalid_utf8")]
    [InlineData(ErrorCode.NotAnObject, "not_an_object")]
    [InlineData(ErrorCode.MissingParameter, "missing_parameter")]
    [InlineData(ErrorCode.UnknownParameter, "unknown_parameter")]
    [InlineData(ErrorCode.DuplicateParameter, "duplicate_parameter")]
    [InlineData(ErrorCode.WrongType, "wrong_type")]
    [InlineData(ErrorCode.InvalidValue, "invalid_value")]
    [InlineData(ErrorCode.InvalidKey, "invalid_key")]
    [InlineData(ErrorCode.KeyTooLong, "key_too_long")]
    [InlineData(ErrorCode.TooDeep, "too_deep")]
    [InlineData(ErrorCode.MemoryFull, "memory_full")]
    [InlineData(ErrorCode.DiskFull, "disk_full")]
    [InlineData(ErrorCode.DiskFailed, "disk_failed")]
    [InlineData(ErrorCode.Unavailable, "unavailable")]
    [InlineData(ErrorCode.OutcomeUnknown, "outcome_unknown")]
    [InlineData(ErrorCode.PreconditionFailed, "precondition_failed")]
    [InlineData(ErrorCode.NotFound, "not_found")]
    [InlineData(ErrorCode.PathNotFound, "path_not_found")]
    [InlineData(ErrorCode.NotANumber, "not_a_number")]
    [InlineData(ErrorCode.NumberOverflow, "number_overflow")]
    [InlineData(ErrorCode.TestFailed, "test_failed")]
    [InlineData(ErrorCode.ValueTooLong, "value_too_long")]
    [InlineData(ErrorCode.RequestIdReused, "request_id_reused")]
    [InlineData(ErrorCode.Conflict, "conflict")]
    [InlineData(ErrorCode.Compacted, "compacted")]
    [InlineData(ErrorCode.FutureVersion, "future_version")]
    [InlineData(ErrorCode.TooManyWatches, "too_many_watches")]
    [InlineData(ErrorCode.UnsupportedVersion, "unsupported_version")]
    [InlineData(ErrorCode.InvalidLength, "invalid_length")]
    [InlineData(ErrorCode.FrameTooLong, "frame_too_long")]
    [InlineData(ErrorCode.TruncatedFrame, "truncated_frame")]
    [InlineData(ErrorCode.HttpRequest, "http_request")]
    [InlineData(ErrorCode.TooManyConnections, "too_many_connections")]
    [InlineData(ErrorCode.ProtectedMode, "protected_mode")]
    [InlineData(ErrorCode.IdleTimeout, "idle_timeout")]
    [InlineData(ErrorCode.RepliesFull, "replies_full")]
    [InlineData(ErrorCode.RequestsFull, "requests_full")]
    [InlineData(ErrorCode.InternalError, "internal_error")]
    [InlineData(ErrorCode.InvalidHeader, "invalid_header")]
    [InlineData(ErrorCode.UnsupportedPatch, "unsupported_patch")]
    [InlineData(ErrorCode.CrossOrigin, "cross_origin")]
    [InlineData(ErrorCode.HostNotAllowed, "host_not_allowed")]
    [InlineData(ErrorCode.NoDataDirectory, "no_data_directory")]
    public void Text_EachCode_IsSnakeCaseName(ErrorCode code, string text) => Assert.Equal(text, ErrorCodes.Text(code));

    [Fact]
    public void Table_AllCodes_AreInOrder()
    {
        Assert.Equal(All.Length, ErrorCodes.Count);
        foreach (ErrorCode code in All)
        {
            Assert.Equal(code, ErrorCodes.CodeAt((int)code));
            Assert.InRange(ErrorCodes.Status(code), code == ErrorCode.None ? 200 : 400, code == ErrorCode.None ? 200 : 599);
            Assert.NotEqual("", ErrorCodes.Title(code));
        }
        Assert.Equal(All.Length, All.Select(ErrorCodes.Title).Distinct().Count());
    }

    [Fact]
    public void Text_AllCodes_AreDistinctSnakeCase()
    {
        string[] texts = [.. All.Select(ErrorCodes.Text)];
        Assert.Equal(texts.Length, texts.Distinct().Count());
        Assert.All(texts, text => Assert.Matches("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", text));
    }

    [Fact]
    public void Count_AllCodes_AreBelow() => Assert.All(All, code => Assert.InRange((int)code, 0, ErrorCodes.Count - 1));
}
