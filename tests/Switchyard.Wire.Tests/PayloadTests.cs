using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;
using Xunit;

namespace Switchyard.Wire.Tests;

public sealed class PayloadTests
{
    [Theory]
    [InlineData(Samples.Modern)]
    [InlineData(Samples.MariaDb)]
    [InlineData(Capabilities.Protocol41 | Capabilities.SecureConnection)]
    public void A_greeting_reads_back(Capabilities capabilities)
    {
        var greeting = Samples.Greeting(capabilities);
        var read = HandshakePayload.Parse(Samples.Write(greeting.Write));
        Assert.Equal(greeting.Nonce, read.Nonce);
        var expected = greeting with { Nonce = read.Nonce, AuthPlugin = (capabilities & Capabilities.PluginAuth) == 0 ? "" : greeting.AuthPlugin };
        Assert.Equal(expected, read);
    }

    [Fact]
    public void Extended_capabilities_are_told_only_without_the_mysql_bit()
    {
        var greeting = Samples.Greeting(Samples.MariaDb | Capabilities.LongPassword);
        Assert.Equal(Samples.Modern, HandshakePayload.Parse(Samples.Write(greeting.Write)).Capabilities);
    }

    [Fact]
    public void The_greeting_of_mysql_9_7_is_read()
    {
        // Written by hand from the protocol documentation's layout.
        byte[] payload =
        [
            10, .. "9.7.4"u8, 0, 8, 0, 0, 0, .. "abcdefgh"u8, 0, 0xFF, 0xFF, 0xFF, 2, 0, 0xFF, 0xDF, 21,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. "ijklmnopqrst"u8, 0, .. "caching_sha2_password"u8, 0,
        ];
        var greeting = HandshakePayload.Parse(payload);
        Assert.Equal("9.7.4", greeting.ServerVersion);
        Assert.Equal(8u, greeting.ConnectionId);
        Assert.Equal("abcdefghijklmnopqrst"u8.ToArray(), greeting.Nonce);
        Assert.Equal((Capabilities)0xDFFFFFFF, greeting.Capabilities);
        Assert.Equal(255, greeting.Collation);
        Assert.Equal(AuthPlugins.CachingSha2Password, greeting.AuthPlugin);
    }

    [Fact]
    public void A_nonce_that_clients_would_cut_short_is_not_sent()
    {
        Assert.Throws<ArgumentException>(() => Samples.Write((Samples.Greeting() with { Nonce = new byte[20] }).Write));
        for (var i = 0; i < 200; i++)
        {
            var nonce = AuthNonce.Create();
            Assert.Equal(20, nonce.Length);
            Assert.All(nonce, b => Assert.True(b is > 0 and < 128 and not (byte)'$'));
        }
    }

    [Theory]
    [InlineData(Samples.Modern)]
    [InlineData(Samples.MariaDb)]
    [InlineData(Samples.Modern & ~Capabilities.PluginAuthLengthEncodedData)]
    [InlineData(Samples.Modern & ~Capabilities.ConnectWithDatabase)]
    [InlineData(Samples.Modern & ~Capabilities.ConnectAttributes)]
    [InlineData(Samples.Modern | Capabilities.ZstdCompression)]
    public void A_handshake_response_reads_back(Capabilities capabilities)
    {
        var response = Samples.Response(capabilities) with { ZstdLevel = 7 };
        var read = HandshakeResponsePayload.Parse(Samples.Write(response.Write), capabilities);
        Assert.Equal(response.Capabilities, read.Capabilities);
        Assert.Equal((response.MaxPacketSize, response.Collation, response.AuthPlugin), (read.MaxPacketSize, read.Collation, read.AuthPlugin));
        Assert.Equal(response.User, read.User);
        Assert.Equal(response.AuthResponse, read.AuthResponse);
        Assert.Equal((capabilities & Capabilities.ConnectWithDatabase) == 0 ? null : response.Schema, read.Schema);
        Assert.Equal((capabilities & Capabilities.ConnectAttributes) == 0 ? [] : response.Attributes, read.Attributes);
        Assert.Equal((capabilities & Capabilities.ZstdCompression) == 0 ? 0 : 7, read.ZstdLevel);
    }

    [Fact]
    public void What_the_server_did_not_offer_is_not_looked_for_in_a_response()
    {
        var response = Samples.Response(Samples.Modern & ~Capabilities.ConnectAttributes);
        var bytes = Samples.Write(response.Write);
        bytes[2] |= (byte)((ulong)Capabilities.ConnectAttributes >> 16);
        Assert.Empty(HandshakeResponsePayload.Parse(bytes, Samples.Modern & ~Capabilities.ConnectAttributes).Attributes);
    }

    [Fact]
    public void A_plugin_name_without_its_zero_is_read_as_some_clients_send_it()
    {
        var bytes = Samples.Write(Samples.Response(Samples.Modern & ~Capabilities.ConnectAttributes).Write);
        Assert.Equal(AuthPlugins.NativePassword, HandshakeResponsePayload.Parse(bytes.AsSpan(..^1), Samples.Modern).AuthPlugin);
    }

    [Fact]
    public void A_tls_request_is_told_from_a_login_and_older_clients_are_refused()
    {
        var request = new SslRequestPayload(Samples.MariaDb | Capabilities.Ssl, 1 << 24, 45);
        var bytes = Samples.Write(request.Write);
        Assert.Equal(SslRequestPayload.Size, bytes.Length);
        Assert.True(SslRequestPayload.IsSslRequest(bytes));
        Assert.Equal(request, SslRequestPayload.Parse(bytes));
        Assert.False(SslRequestPayload.IsSslRequest(Samples.Write(Samples.Response().Write)));
        Assert.Throws<MalformedPacketException>(() => SslRequestPayload.Parse(new byte[32]));
    }

    [Fact]
    public void A_change_of_user_reads_back()
    {
        var change = Samples.ChangeUser();
        var read = ChangeUserPayload.Parse(Samples.Write(writer => change.Write(writer, Samples.Modern)), Samples.Modern);
        Assert.Equal(change.User, read.User);
        Assert.Equal(change.AuthResponse, read.AuthResponse);
        Assert.Equal(change.Schema, read.Schema);
        Assert.Equal((change.Collation, change.AuthPlugin), (read.Collation, read.AuthPlugin));
        Assert.Equal(change.Attributes, read.Attributes);
    }

    [Fact]
    public void An_authentication_switch_reads_back_and_its_nonce_has_no_zero()
    {
        var nonce = AuthNonce.Create();
        var read = AuthSwitchRequestPayload.Parse(Samples.Write(AuthSwitchRequestPayload.ForNonce("plugin_x", nonce).Write));
        Assert.Equal("plugin_x", read.Plugin);
        Assert.Equal(nonce, read.Nonce.ToArray());
        Assert.Equal(AuthPlugins.OldPassword, AuthSwitchRequestPayload.Parse([0xFE]).Plugin);
        Assert.Equal([4], AuthMoreDataPayload.Parse([1, 4]).Data.ToArray());
    }

    [Fact]
    public void An_ok_reads_back_with_its_session_state()
    {
        var ok = OkPayload.Parse(Samples.Ok(), Samples.Modern);
        Assert.Equal((70000ul, ulong.MaxValue, 3), (ok.AffectedRows, ok.LastInsertId, ok.Warnings));
        Assert.Equal(ServerStatus.AutoCommit | ServerStatus.SessionStateChanged, ok.Status);
        Assert.True(ok.Info.SequenceEqual("Rows matched: 1"u8));
        var changes = new SessionStateReader(ok.SessionState);
        Assert.True(changes.TryRead(out var type, out var data));
        Assert.Equal(SessionStateType.Schema, type);
        Assert.True(data[1..].SequenceEqual("shop"u8));
        Assert.True(changes.TryRead(out type, out data));
        Assert.Equal((99, 1), ((int)type, data.Length));
        Assert.False(changes.TryRead(out _, out _));
    }

    [Fact]
    public void Session_state_is_left_out_for_a_peer_that_does_not_track_it()
    {
        var ok = OkPayload.Parse(Samples.Ok(), Samples.Modern);
        using var writer = new PayloadWriter();
        ok.Write(writer, Samples.Modern & ~Capabilities.SessionTrack);
        var read = OkPayload.Parse(writer.WrittenSpan, Samples.Modern);
        Assert.Equal(ServerStatus.AutoCommit, read.Status);
        Assert.True(read.SessionState.IsEmpty);
        Assert.True(read.Info.SequenceEqual(ok.Info));
    }

    [Fact]
    public void An_ok_that_ends_rows_is_not_a_row_that_starts_with_a_huge_value()
    {
        using var writer = new PayloadWriter();
        OkPayload.Parse(Samples.Ok(), Samples.Modern).Write(writer, Samples.Modern, OkPayload.EndOfRowsHeader);
        Assert.True(OkPayload.IsEndOfRows(writer.WrittenSpan));
        Assert.False(OkPayload.IsEndOfRows(Samples.Ok()));
        var row = new byte[PacketLimits.MaxPayload];
        row[0] = 0xFE;
        Assert.False(OkPayload.IsEndOfRows(row));
        Assert.False(EofPayload.IsEof(row));
    }

    [Fact]
    public void An_error_reads_back_with_and_without_a_state()
    {
        var error = ErrorPayload.Parse(Samples.Error());
        Assert.Equal(1062, error.Code);
        Assert.True(error.SqlState.SequenceEqual("23000"u8));
        Assert.True(error.Message.SequenceEqual("Duplicate"u8));
        var early = ErrorPayload.Parse([0xFF, 0x10, 0x04, .. "Too many connections"u8]);
        Assert.Equal(1040, early.Code);
        Assert.True(early.SqlState.IsEmpty);
        Assert.True(early.Message.SequenceEqual("Too many connections"u8));
    }

    [Fact]
    public void An_eof_reads_back()
    {
        var eof = new EofPayload(5, ServerStatus.MoreResultsExist);
        Assert.Equal(eof, EofPayload.Parse(Samples.Write(writer => eof.Write(writer, Samples.Modern)), Samples.Modern));
        Assert.Equal(default, EofPayload.Parse([0xFE], Capabilities.None));
    }

    [Theory]
    [InlineData(Samples.Modern)]
    [InlineData(Samples.MariaDb)]
    public void A_column_definition_reads_back(Capabilities capabilities)
    {
        var column = ColumnDefinitionPayload.Parse(Samples.Column(capabilities), capabilities);
        Assert.True(column.Schema.SequenceEqual("shop"u8));
        Assert.True(column.Table.SequenceEqual("o"u8));
        Assert.True(column.OriginalTable.SequenceEqual("orders"u8));
        Assert.True(column.Name.SequenceEqual("total"u8));
        Assert.True(column.OriginalName.SequenceEqual("sum"u8));
        Assert.Equal((63, 67u, ColumnType.NewDecimal, 30), (column.Collation, column.Length, column.Type, column.Decimals));
        Assert.Equal(ColumnFlags.NotNull | ColumnFlags.Unsigned, column.Flags);
        Assert.Equal((capabilities & Capabilities.MariaDbExtendedMetadata) == 0 ? 0 : 6, column.ExtendedMetadata.Length);
    }

    [Fact]
    public void The_answer_to_a_prepare_reads_back()
    {
        var answer = new PrepareOkPayload(7, 3, 2, 1);
        var bytes = Samples.Write(answer.Write);
        Assert.Equal(PrepareOkPayload.Size, bytes.Length);
        Assert.Equal(answer, PrepareOkPayload.Parse(bytes));
    }
}
