using System.Security.Cryptography;
using System.Text;
using Switchyard.Wire.Auth;
using Xunit;

namespace Switchyard.Wire.Tests;

public sealed class AuthTests
{
    private const string Password = "pässwörd";
    private static readonly byte[] s_nonce = [.. Enumerable.Range(1, 20).Select(i => (byte)i)];

    [Fact]
    public void Proofs_are_those_computed_independently()
    {
        Assert.Equal("9891a8536587af22d12e126cf5f7a8ea86d63b0e", Convert.ToHexStringLower(NativePassword.Scramble(Password, s_nonce)));
        Assert.Equal("f517ddf1d32a112ff1ad55c66d1b12cb38e7e8f7", Convert.ToHexStringLower(NativePassword.HashPassword(Password)));
        Assert.Equal("8526563d365f5cb2cf44b162e5251a5cc348e1a1afeec271669611d0fdac23f7", Convert.ToHexStringLower(CachingSha2Password.Scramble(Password, s_nonce)));
        Assert.Empty(NativePassword.Scramble("", s_nonce));
        Assert.Empty(CachingSha2Password.Scramble("", s_nonce));
    }

    [Fact]
    public void Who_knows_the_stored_hash_recovers_from_one_proof_what_logs_in_elsewhere()
    {
        Assert.True(NativePassword.TryParseStoredHash("*0225EC5004ABB0B8CB557541FE53DE1A5D8CC825", out var stored));
        Assert.True(NativePassword.Verify(NativePassword.Scramble(Password, s_nonce), s_nonce, stored, out var sha1));
        Assert.Equal(NativePassword.HashPassword(Password), sha1);
        var other = AuthNonce.Create();
        Assert.Equal(NativePassword.Scramble(Password, other), NativePassword.Scramble(sha1, other));
    }

    [Fact]
    public void A_wrong_proof_opens_nothing()
    {
        Assert.True(NativePassword.TryParseStoredHash("*0225EC5004ABB0B8CB557541FE53DE1A5D8CC825", out var stored));
        var proof = NativePassword.Scramble(Password, s_nonce);
        Assert.False(NativePassword.Verify(NativePassword.Scramble("other", s_nonce), s_nonce, stored, out var sha1));
        Assert.Empty(sha1);
        Assert.False(NativePassword.Verify(proof, AuthNonce.Create(), stored, out _));
        Assert.False(NativePassword.Verify([], s_nonce, stored, out _));
        Assert.False(NativePassword.Verify(proof.AsSpan(1), s_nonce, stored, out _));
        Assert.False(NativePassword.Verify(proof, s_nonce, [], out _));
        Assert.True(NativePassword.Verify([], s_nonce, [], out _));
    }

    [Theory]
    [InlineData("*INVALID")]
    [InlineData("565491d704013245")]
    [InlineData("*ZZ79E0F17A4AD3AFF4C94D01C43E36B3E36F3D1F")]
    public void A_stored_hash_no_password_fits_is_told(string text) => Assert.False(NativePassword.TryParseStoredHash(text, out _));

    [Fact]
    public void A_password_sent_under_rsa_arrives()
    {
        using var key = RSA.Create(2048);
        var pem = Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem() + "\n");
        var sent = RsaPasswordExchange.Encrypt(Password, s_nonce, pem);
        Assert.True(RsaPasswordExchange.TryDecrypt(sent, s_nonce, key, out var password));
        Assert.Equal(Password, password);
        Assert.False(RsaPasswordExchange.TryDecrypt(new byte[256], s_nonce, key, out _));
        using var stranger = RSA.Create(2048);
        Assert.False(RsaPasswordExchange.TryDecrypt(sent, s_nonce, stranger, out _));
    }

    [Fact]
    public void A_key_that_is_none_or_a_password_too_long_for_it_is_malformed()
    {
        Assert.Throws<MalformedPacketException>(() => RsaPasswordExchange.Encrypt(Password, s_nonce, "no key"u8));
        using var key = RSA.Create(2048);
        var pem = Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem());
        Assert.Throws<MalformedPacketException>(() => RsaPasswordExchange.Encrypt(new string('x', 300), s_nonce, pem));
    }

    [Fact]
    public void A_clear_password_ends_at_its_zero_and_must_be_text()
    {
        Assert.True(ClearPassword.TryDecode(ClearPassword.Encode(Password), out var password));
        Assert.Equal(Password, password);
        Assert.True(ClearPassword.TryDecode("abc"u8, out password));
        Assert.Equal("abc", password);
        Assert.False(ClearPassword.TryDecode([0xFF, 0xFE, 0], out _));
    }
}
